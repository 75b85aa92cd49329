#include "io/assembled_source.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>
#include <utility>

namespace stockpot::io {
namespace {

constexpr std::uint64_t read_bytes = std::uint64_t{1} << 20;  // memory of one read

/// The same with the last dimension counted in bytes.
Shape in_bytes(Shape shape, DType dtype) {
  shape.back() = bytes_of(dtype, shape.back());
  return shape;
}

/// Position of the element at `index` in an array.
std::uint64_t flat(const Shape& index, const Shape& start, const Shape& count) {
  std::uint64_t at = 0;
  for (std::size_t d = 0; d < index.size(); ++d) at = at * count[d] + (index[d] - start[d]);
  return at;
}

/// How many bytes of a part lie side by side in the array that it is a part of: from the innermost dimension outwards as
/// long as the part spans it.
std::uint64_t run_bytes(const Shape& part, const Shape& whole) {
  std::uint64_t bytes = 1;
  for (std::size_t d = part.size(); d-- > 0;) {
    bytes *= part[d];
    if (part[d] != whole[d]) break;
  }
  return bytes;
}

/// The index of the n-th byte of a part.
Shape index_of(std::uint64_t n, const Shape& start, const Shape& count) {
  Shape index(start.size());
  for (std::size_t d = start.size(); d-- > 0; n /= count[d]) index[d] = start[d] + n % count[d];
  return index;
}

}  // namespace

AssembledSource::AssembledSource(const StoredTensor& tensor, std::string path, Open open)
    : origin_(tensor.offset),
      bytes_(tensor.info.bytes()),
      path_(std::move(path)),
      open_(std::move(open)),
      shape_(in_bytes(tensor.info.shape, tensor.info.dtype)) {
  for (const StoredPiece& piece : tensor.pieces) {
    pieces_.push_back(
        {piece.file, piece.offset, in_bytes(piece.start, tensor.info.dtype), in_bytes(piece.count, tensor.info.dtype)});
  }
}

AssembledSource::Share AssembledSource::share_of(const Piece& piece, const Box& box) const {
  Share share{Shape(shape_.size()), Shape(shape_.size()), 1};
  for (std::size_t d = 0; d < shape_.size(); ++d) {
    const std::uint64_t begin = std::max(piece.start[d], box.start[d]);
    const std::uint64_t end = std::min(piece.start[d] + piece.count[d], box.start[d] + box.count[d]);
    share.start[d] = begin;
    share.count[d] = end > begin ? end - begin : 0;
    share.bytes *= share.count[d];
  }
  return share;
}

/// In runs that lie side by side in the file, each put to its places in the box.
void AssembledSource::read_share(const Piece& piece, const Share& share, const Box& box,
                                 std::span<std::byte> into) const {
  const std::uint64_t in_file = run_bytes(share.count, piece.count), in_box = run_bytes(share.count, box.count);
  const std::uint64_t at_once = in_box >= in_file ? in_file : std::min(in_file, std::max(in_box, read_bytes));
  const std::uint64_t step = at_once / std::min(at_once, in_box) * std::min(at_once, in_box);
  const auto file = open_(piece.file);
  std::vector<std::byte> scratch;
  for (std::uint64_t run = 0; run < share.bytes; run += in_file) {
    for (std::uint64_t done = 0; done < in_file; done += step) {
      const std::uint64_t count = std::min(step, in_file - done);
      const Shape index = index_of(run + done, share.start, share.count);
      const std::uint64_t from = piece.offset + flat(index, piece.start, piece.count);
      if (count <= in_box) {
        file->read_at(from, into.subspan(flat(index, box.start, box.count), count));
        continue;
      }
      scratch.resize(count);
      file->read_at(from, scratch);
      for (std::uint64_t i = 0; i < count; i += in_box) {
        const Shape at = index_of(run + done + i, share.start, share.count);
        std::memcpy(into.data() + flat(at, box.start, box.count), scratch.data() + i, in_box);
      }
    }
  }
}

template <class Take>
void AssembledSource::for_each_share(ByteRange range, const Take& take) const {
  constexpr std::uint64_t any_number = std::numeric_limits<std::uint64_t>::max();
  assert(range.offset >= origin_ && range.end() <= origin_ + bytes_);
  std::uint64_t done = 0;
  for (const Box& box : row_major_boxes(shape_, {range.offset - origin_, range.count}, any_number)) {
    const std::uint64_t box_end = box.start[0] + box.count[0];
    for (const Piece& piece : pieces_) {
      if (piece.start[0] >= box_end) break;  // ascending
      const Share share = share_of(piece, box);
      if (!is_empty(share)) take(piece, share, box, done);
    }
    done += box.elements;
  }
}

void AssembledSource::read_at(std::uint64_t offset, std::span<std::byte> into) const {
  for_each_share({offset, into.size()},
                 [&](const Piece& piece, const Share& share, const Box& box, std::uint64_t done) {
                   read_share(piece, share, box, into.subspan(done, box.elements));
                 });
}

void AssembledSource::will_need(ByteRange range) const {
  for_each_share(range, [&](const Piece& piece, const Share& share, const Box&, std::uint64_t) {
    const std::uint64_t first = flat(share.start, piece.start, piece.count);
    const std::uint64_t last = flat(index_of(share.bytes - 1, share.start, share.count), piece.start, piece.count);
    open_(piece.file)->will_need({piece.offset + first, last + 1 - first});
  });
}

}  // namespace stockpot::io
