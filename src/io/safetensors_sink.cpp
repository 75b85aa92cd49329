#include "io/safetensors_sink.hpp"

#include <cassert>
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

/// A file of an earlier attempt that has its size is gone on with; anything else is in the way.
PosixSink open_or_create(const std::string& path, std::uint64_t bytes) {
  if (stored_size(path) == bytes) return PosixSink::open(path);
  remove_tree(path);
  return PosixSink::create(path, bytes);
}

}  // namespace

SafetensorsPlaces safetensors_places(const OutputLayout& layout) {
  SafetensorsPlaces all;
  all.places.resize(layout.tensors.size());
  for (const OutputLayout::File& file : layout.files) {
    SafetensorsPlaces::File made{layout.directory + "/" + file.name, header_of(layout, file), 0};
    made.bytes = made.header.size();
    for (std::size_t i = 0; i < file.tensors.size(); ++i) {
      all.places[file.tensors[i]] = {all.files.size(), made.header.size() + file.offsets[i]};
      made.bytes += layout.tensors[file.tensors[i]].bytes();
    }
    all.files.push_back(std::move(made));
  }
  return all;
}

SafetensorsSink::SafetensorsSink(OutputLayout layout) : layout_(std::move(layout)), shards_(layout_.files.size()) {}

void SafetensorsSink::prepare(const comm::Communicator& comm) {
  comm::agree(comm, [&] {
    SafetensorsPlaces planned = safetensors_places(layout_);
    places_ = std::move(planned.places);
    for (std::size_t f = 0; f < shards_.size(); ++f) {
      Shard& shard = shards_[f];
      shard.path = std::move(planned.files[f].path);
      shard.bytes = planned.files[f].bytes;
      if (!comm.is_root()) continue;
      const auto header = std::as_bytes(std::span(planned.files[f].header));
      shard.header_digest = digest_block(header);
      shard.open_files.push_back(open_or_create(shard.path, shard.bytes));
      write_again_once(shard, 0, header);
    }
    if (comm.is_root()) sync_directory(layout_.directory);
  });
}

PosixSink& SafetensorsSink::opened(Shard& shard) {
  const std::lock_guard lock(shard.opening);
  if (shard.open_files.empty()) shard.open_files.push_back(PosixSink::open(shard.path));
  return shard.open_files.back();
}

PosixSink* SafetensorsSink::reopened(Shard& shard, const PosixSink& failed) {
  constexpr std::size_t most = 2;
  const std::lock_guard lock(shard.opening);
  const bool is_new = &failed == &shard.open_files.back();
  if (is_new && shard.open_files.size() == most) return nullptr;
  if (is_new) shard.open_files.push_back(PosixSink::open(shard.path));
  return &shard.open_files.back();
}

void SafetensorsSink::write_again_once(Shard& shard, std::uint64_t offset, std::span<const std::byte> bytes) {
  PosixSink& file = opened(shard);
  try {
    file.write_at(offset, bytes);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::storage) throw;
    PosixSink* const other = reopened(shard, file);
    if (other == nullptr) throw;
    ++calls_repeated;
    other->write_at(offset, bytes);
  }
}

void SafetensorsSink::write(std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes) {
  const DType dtype = layout_.tensors[tensor].dtype;
  assert(bytes.size() == bytes_of(dtype, range.count));
  const SafetensorsPlaces::Place& place = places_[tensor];
  Shard& shard = shards_[place.file];
  write_again_once(shard, place.offset + bytes_of(dtype, range.first), bytes);
  shard.dirty = true;
}

std::vector<PosixSink*> SafetensorsSink::files_of(Shard& shard) {
  const std::lock_guard lock(shard.opening);
  std::vector<PosixSink*> files;
  for (PosixSink& file : shard.open_files) files.push_back(&file);
  return files;
}

void SafetensorsSink::flush() {
  for (Shard& shard : shards_) {
    if (!shard.dirty.exchange(false)) continue;
    for (PosixSink* file : files_of(shard)) file->sync_data();
  }
}

void SafetensorsSink::finish(const comm::Communicator& comm) {
  comm::agree(comm, [&] {
    for (Shard& shard : shards_) {
      for (PosixSink& file : shard.open_files) file.sync();
      for (PosixSink& file : shard.open_files) file.close();
      shard.open_files.clear();
    }
  });
  comm::agree(comm, [&] {
    if (comm.is_root()) check_and_index();
  });
}

void SafetensorsSink::check_and_index() const {
  std::uint64_t total_bytes = 0;
  std::map<std::string, std::string> weight_map;
  for (const Shard& shard : shards_) {
    if (const std::uint64_t found = PosixSource(shard.path).size(); found != shard.bytes) {
      throw Error(ErrorKind::storage, "an output file does not have the size that was written")
          .in_file(shard.path)
          .at_byte(found, shard.bytes);
    }
  }
  for (std::size_t t = 0; t < places_.size(); ++t) {
    total_bytes += layout_.tensors[t].bytes();
    weight_map.emplace(layout_.tensors[t].name, layout_.files[places_[t].file].name);
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
    files.push_back({file.name, shards_[f].bytes, shards_[f].header_digest, file.tensors});
  }
  return files;
}

}  // namespace stockpot::io
