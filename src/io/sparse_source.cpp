#include "io/sparse_source.hpp"

#include <algorithm>

namespace stockpot::io {

/// The first piece of data that does not end before `offset`.
std::vector<ByteRange>::const_iterator SparseSource::first_beyond(std::uint64_t offset) const {
  return std::ranges::partition_point(data_, [&](const ByteRange& piece) { return piece.end() <= offset; });
}

void SparseSource::read_at(std::uint64_t offset, std::span<std::byte> into) const {
  if (offset > size() || into.size() > size() - offset) return file_.read_at(offset, into);  // says what is wrong
  for (auto piece = first_beyond(offset); !into.empty(); ++piece) {
    const std::uint64_t next = piece == data_.end() ? size() : piece->offset;
    const std::uint64_t zeros = next > offset ? std::min<std::uint64_t>(next - offset, into.size()) : 0;
    std::fill_n(into.begin(), zeros, std::byte{0});
    offset += zeros;
    into = into.subspan(zeros);
    if (into.empty()) return;
    const std::uint64_t stored = std::min<std::uint64_t>(piece->end() - offset, into.size());
    file_.read_at(offset, into.first(stored));
    offset += stored;
    into = into.subspan(stored);
  }
}

void SparseSource::will_need(ByteRange range) const {
  for (auto piece = first_beyond(range.offset); piece != data_.end() && piece->offset < range.end(); ++piece) {
    const std::uint64_t first = std::max(piece->offset, range.offset);
    file_.will_need({first, std::min(piece->end(), range.end()) - first});
  }
}

}  // namespace stockpot::io
