#include "io/safetensors_sink.hpp"

#include <map>
#include <nlohmann/json.hpp>

#include "comm/agree.hpp"
#include "core/error.hpp"
#include "core/version.hpp"
#include "io/safetensors.hpp"
#include "io/shard_index.hpp"
#include "io/small_file.hpp"
#include "io/tree.hpp"

namespace stockpot::io {

namespace {

std::string header_of(const OutputLayout& layout, const OutputLayout::File& file) {
  std::vector<PlacedTensor> placed;
  for (std::size_t i = 0; i < file.tensors.size(); ++i) {
    placed.push_back({layout.tensors[file.tensors[i]], file.offsets[i]});
  }
  return write_safetensors_header(placed, {layout.metadata.begin(), layout.metadata.end()});
}

}  // namespace

OutputPlaces safetensors_places(const OutputLayout& layout) {
  OutputPlaces all;
  all.places.resize(layout.tensors.size());
  for (const OutputLayout::File& file : layout.files) {
    OutputPlaces::File made{file.name, header_of(layout, file), 0};
    made.bytes = made.header.size();
    for (std::size_t i = 0; i < file.tensors.size(); ++i) {
      all.places[file.tensors[i]] = {all.files.size(), made.header.size() + file.offsets[i]};
      made.bytes += layout.tensors[file.tensors[i]].bytes();
    }
    all.files.push_back(std::move(made));
  }
  return all;
}

SafetensorsSink::SafetensorsSink(OutputLayout layout)
    : layout_(std::move(layout)), shards_(layout_), header_digests_(layout_.files.size()) {}

void SafetensorsSink::prepare(const comm::Communicator& comm) {
  comm::agree(comm, [&] {
    const OutputPlaces planned = safetensors_places(layout_);
    shards_.prepare(layout_, planned, comm.is_root());
    if (!comm.is_root()) return;
    for (std::size_t f = 0; f < shards_.size(); ++f) {
      const auto header = std::as_bytes(std::span(planned.files[f].header));
      header_digests_[f] = digest_block(header);
      shards_[f].write(0, header);
    }
    sync_directory(layout_.directory);
  });
}

void SafetensorsSink::write(std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes) {
  shards_.write(layout_.tensors[tensor], tensor, range, bytes);
}

void SafetensorsSink::copy(std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes,
                           const StoredRun& from) {
  shards_.write(layout_.tensors[tensor], tensor, range, bytes, from);
}

void SafetensorsSink::finish(const comm::Communicator& comm) {
  comm::agree(comm, [&] { shards_.finish(); });
  comm::agree(comm, [&] {
    if (comm.is_root()) check_and_index();
  });
}

void SafetensorsSink::check_and_index() const {
  std::uint64_t total_bytes = 0;
  std::map<std::string, std::string> weight_map;
  shards_.check_sizes();
  for (std::uint32_t t = 0; t < layout_.tensors.size(); ++t) {
    total_bytes += layout_.tensors[t].bytes();
    weight_map.emplace(layout_.tensors[t].name, layout_.files[shards_.place_of(t).file].name);
  }
  if (shards_.size() < 2) return;
  const nlohmann::ordered_json index = {{"metadata", {{"total_size", total_bytes}, {"stockpot_version", version}}},
                                        {"weight_map", weight_map}};
  write_file(layout_.directory + "/" + std::string(shard_index_file_name), index.dump(2) + '\n');
}

std::vector<TensorFile> SafetensorsSink::files() const {
  std::vector<TensorFile> files;
  for (std::size_t f = 0; f < shards_.size(); ++f) {
    const OutputLayout::File& file = layout_.files[f];
    files.push_back({file.name, shards_[f].bytes(), header_digests_[f], file.tensors});
  }
  return files;
}

}  // namespace stockpot::io
