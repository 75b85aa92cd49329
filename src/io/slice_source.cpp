#include "io/slice_source.hpp"

#include <algorithm>
#include <cstring>

#include "core/error.hpp"

namespace stockpot::io {

SliceSource::SliceSource(const ByteSource& file, ByteRange slice) : file_(file), slice_(slice) {
  constexpr std::uint64_t end_bytes = 4096;
  const auto read = [&](std::uint64_t offset, std::uint64_t count) {
    std::string bytes(count, '\0');
    file.read_at(slice.offset + offset, std::as_writable_bytes(std::span(bytes)));
    return bytes;
  };
  head_ = read(0, std::min(slice.count, end_bytes));
  const std::uint64_t rest = slice.count - head_.size();
  tail_ = read(slice.count - std::min(rest, end_bytes), std::min(rest, end_bytes));
}

void SliceSource::read_at(std::uint64_t offset, std::span<std::byte> into) const {
  if (into.size() > slice_.count || offset > slice_.count - into.size()) {
    throw Error(ErrorKind::corrupt_input, "an item ends before the bytes that are wanted")
        .code("FMT007")
        .in_file(path())
        .at_byte(slice_.offset + offset, slice_.offset + slice_.count);
  }
  const std::uint64_t tail_offset = slice_.count - tail_.size();
  if (offset + into.size() <= head_.size()) {
    std::memcpy(into.data(), head_.data() + offset, into.size());
  } else if (offset >= tail_offset) {
    std::memcpy(into.data(), tail_.data() + (offset - tail_offset), into.size());
  } else {
    file_.read_at(slice_.offset + offset, into);
  }
}

}  // namespace stockpot::io
