#include "io/dcp_sink.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "comm/agree.hpp"
#include "core/bytes.hpp"
#include "core/error.hpp"
#include "io/crc32.hpp"
#include "io/pytorch_item.hpp"
#include "io/small_file.hpp"
#include "io/tree.hpp"

namespace stockpot::io {
namespace {

constexpr std::uint64_t alignment = 64;  // of items in a file; in an item PyTorch's own

std::string file_name(std::size_t shard) { return fmt::format("__{}_0.distcp", shard); }

std::string in_folder(const std::string& name) { return std::string(dcp_folder) + "/" + name; }

std::uint64_t aligned(std::uint64_t offset) { return (offset + alignment - 1) / alignment * alignment; }

/// Calls `take` with each tensor of a file and its place there. @return where the file ends
template <class Take>
std::uint64_t for_each_item(const OutputLayout& layout, const OutputLayout::File& file, const Take& take) {
  std::uint64_t end = 0;
  for (const std::uint32_t tensor : file.tensors) {
    const PytorchItem item(layout.tensors[tensor]);
    const std::uint64_t start = aligned(end);
    const std::uint64_t data = start + item.head(0).size();
    const std::uint64_t data_end = data + layout.tensors[tensor].bytes();
    const std::uint64_t item_end = data_end + item.tail(0).size();
    take(tensor, item, ByteRange{start, item_end - start}, data);
    end = item_end;
  }
  return end;
}

}  // namespace

OutputPlaces dcp_places(const OutputLayout& layout) {
  OutputPlaces all;
  all.places.resize(layout.tensors.size());
  for (const OutputLayout::File& file : layout.files) {
    const std::size_t shard = all.files.size();
    const std::uint64_t bytes = for_each_item(
        layout, file, [&](std::uint32_t tensor, const PytorchItem&, ByteRange, std::uint64_t data_offset) {
          all.places[tensor] = {shard, data_offset};
        });
    all.files.push_back({in_folder(file_name(shard)), "", bytes});
  }
  return all;
}

DcpSink::DcpSink(OutputLayout layout)
    : layout_(std::move(layout)),
      shards_(layout_),
      checksums_(layout_.tensors.size()),
      frame_digests_(layout_.files.size()) {}

std::vector<std::string> DcpSink::left_out() const {
  if (layout_.metadata.empty()) return {};
  return {"output.metadata has no place in a distributed checkpoint: it is left out"};
}

void DcpSink::prepare(const comm::Communicator& comm) {
  comm::agree(comm, [&] {
    if (comm.is_root()) ensure_directory(folder());
    shards_.prepare(layout_, dcp_places(layout_), comm.is_root());
    if (!comm.is_root()) return;
    sync_directory(folder());
    sync_directory(layout_.directory);
  });
}

void DcpSink::write(std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes) {
  put(tensor, range, bytes, std::nullopt);
}

void DcpSink::copy(std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes, const StoredRun& from) {
  put(tensor, range, bytes, from);
}

void DcpSink::put(std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes,
                  const std::optional<StoredRun>& from) {
  const TensorInfo& info = layout_.tensors[tensor];
  checksums_.add({tensor, {bytes_of(info.dtype, range.first), bytes.size()}}, crc32(bytes));
  shards_.write(info, tensor, range, bytes, from);
}

void DcpSink::finish(const comm::Communicator& comm) {
  comm::agree(comm, [&] { shards_.finish(); });
  complete_checksums(comm);
  comm::agree(comm, [&] {
    if (!comm.is_root()) return;
    shards_.check_sizes();
    write_frames();
    write_metadata();
  });
}

/// Collective. Rank 0 has all checksums afterwards.
void DcpSink::complete_checksums(const comm::Communicator& comm) {
  constexpr std::uint64_t piece_bytes = std::uint64_t{64} << 20;  // what is dealt out
  for (const std::string& part : comm.gather(comm.is_root() ? "" : checksums_.pack())) checksums_.add_packed(part);
  const std::string packed = comm::on_root(comm, [&] {
    std::vector<TensorRun> gaps;
    for (std::uint32_t t = 0; t < layout_.tensors.size(); ++t) {
      checksums_.add_gaps(t, layout_.tensors[t].bytes(), piece_bytes, gaps);
    }
    ByteWriter out;
    for (const TensorRun& gap : gaps) {
      out.number(gap.tensor);
      out.number(gap.bytes.offset);
      out.number(gap.bytes.count);
    }
    return out.take();
  });
  std::vector<TensorRun> gaps;
  for (ByteReader in(packed); !in.done();) {
    gaps.push_back({static_cast<std::uint32_t>(in.number()), {}});
    gaps.back().bytes.offset = in.number();
    gaps.back().bytes.count = in.number();
  }
  if (gaps.empty()) return;
  const std::string mine = comm::agree(comm, [&] { return checksums_of_share(comm, gaps); });
  for (const std::string& part : comm.gather(mine)) checksums_.add_packed(part);
}

/// Reads back every so many-th of what an earlier attempt wrote.
std::string DcpSink::checksums_of_share(const comm::Communicator& comm, const std::vector<TensorRun>& gaps) const {
  constexpr std::uint64_t read_bytes = std::uint64_t{1} << 20;
  RunChecksums found(layout_.tensors.size());
  std::vector<std::byte> buffer;
  for (auto i = static_cast<std::size_t>(comm.rank()); i < gaps.size(); i += static_cast<std::size_t>(comm.size())) {
    const auto& [tensor, gap] = gaps[i];
    const OutputPlaces::Place& place = shards_.place_of(tensor);
    const PosixSource file = PosixSource::seen_before(shards_[place.file].path());
    for (std::uint64_t at = gap.offset; at < gap.end(); at += buffer.size()) {
      buffer.resize(std::min(read_bytes, gap.end() - at));
      file.read_at(place.offset + at, buffer);
      found.add({tensor, {at, buffer.size()}}, crc32(buffer));
    }
  }
  return found.pack();
}

/// Rank 0. All that is not tensors: where one ends and the next begins it is written at once.
void DcpSink::write_frames() {
  for (std::size_t f = 0; f < shards_.size(); ++f) {
    OutputFile& file = shards_[f];
    DigestStream digest;
    std::string frame;
    std::uint64_t frame_offset = 0;
    const auto write = [&] {
      const auto bytes = std::as_bytes(std::span(frame));
      digest.add(bytes);
      file.write(frame_offset, bytes);
      frame.clear();
    };
    for_each_item(layout_, layout_.files[f],
                  [&](std::uint32_t tensor, const PytorchItem& item, ByteRange place, std::uint64_t data_offset) {
                    const std::uint64_t bytes = layout_.tensors[tensor].bytes();
                    const auto crc = checksums_.whole(tensor, bytes);
                    if (!crc) throw Error(ErrorKind::internal, "a part of a tensor was never written");
                    frame.append(place.offset - frame_offset - frame.size(), '\0');
                    frame += item.head(*crc);
                    if (bytes > 0) write();
                    if (bytes > 0) frame_offset = data_offset + bytes;
                    frame += item.tail(*crc);
                  });
    write();
    file.finish();
    frame_digests_[f] = digest.digest();
  }
}

/// Rank 0.
void DcpSink::write_metadata() {
  std::vector<std::string> names;
  for (std::size_t f = 0; f < shards_.size(); ++f) names.push_back(file_name(f));
  std::vector<DcpItem> items;
  for (std::size_t f = 0; f < shards_.size(); ++f) {
    for_each_item(layout_, layout_.files[f],
                  [&](std::uint32_t tensor, const PytorchItem&, ByteRange place, std::uint64_t) {
                    items.push_back({&layout_.tensors[tensor], names[f], place.offset, place.count});
                  });
  }
  const std::string metadata = write_dcp_metadata(items);
  replace_file(folder() + "/" + dcp_metadata_name, metadata);
  sync_directory(folder());
  metadata_.bytes = metadata.size();
  metadata_.header = digest_block(std::as_bytes(std::span(metadata)));
}

std::vector<TensorFile> DcpSink::files() const {
  std::vector<TensorFile> files;
  for (std::size_t f = 0; f < shards_.size(); ++f) {
    files.push_back({in_folder(file_name(f)), shards_[f].bytes(), frame_digests_[f], layout_.files[f].tensors});
  }
  files.push_back({in_folder(dcp_metadata_name), metadata_.bytes, metadata_.header, {}});
  return files;
}

}  // namespace stockpot::io
