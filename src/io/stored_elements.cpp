#include "io/stored_elements.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "io/row_major_boxes.hpp"

namespace stockpot::io {
namespace {

constexpr std::uint64_t piece_bytes = std::uint64_t{1} << 20;  // memory of one read
constexpr std::uint64_t page_bytes = 4096;                     // reading less than this costs as much
constexpr std::uint64_t least_density = 8;                     // one in so many bytes read has to be wanted

class ViewReader {
 public:
  ViewReader(const ByteSource& file, const StoredTensor& tensor)
      : file_(file), tensor_(tensor), width_(bytes_of(tensor.info.dtype, 1)) {}

  /// Reads a box of the tensor; `into` gets its elements in row-major order. Cuts it in halves where that reads less.
  void read(const Box& box, std::span<std::byte> into) {
    std::vector<std::pair<Box, Shape>> open{{box, Shape(box.start.size())}};  // with the place in `into`
    const Shape steps = row_major(box.count);
    while (!open.empty()) {
      auto [part, place] = std::move(open.back());
      open.pop_back();
      const std::uint64_t bytes = span_elements(part) * width_;
      const bool is_dense = bytes <= page_bytes || bytes / least_density <= part.elements * width_;
      if (part.elements == 1 || (bytes <= piece_bytes && is_dense)) {
        read_piece(part, bytes, into.data() + dot(place, steps) * width_, steps);
      } else {
        cut(part, place, open);
      }
    }
  }

 private:
  static Shape row_major(const Shape& shape) {
    Shape steps(shape.size(), 1);
    for (std::size_t d = shape.size(); d-- > 1;) steps[d - 1] = steps[d] * shape[d];
    return steps;
  }
  static std::uint64_t dot(const Shape& index, const Shape& steps) {
    std::uint64_t sum = 0;
    for (std::size_t d = 0; d < index.size(); ++d) sum += index[d] * steps[d];
    return sum;
  }

  /// From the first to the last stored element of a box.
  std::uint64_t span_elements(const Box& box) const {
    std::uint64_t last = 0;
    for (std::size_t d = 0; d < box.count.size(); ++d) last += (box.count[d] - 1) * tensor_.strides[d];
    return last + 1;
  }

  /// Halves the dimension that spreads the box the most.
  void cut(const Box& box, const Shape& place, std::vector<std::pair<Box, Shape>>& open) const {
    std::size_t widest = 0;
    std::uint64_t most = 0;
    for (std::size_t d = 0; d < box.count.size(); ++d) {
      const std::uint64_t spread =
          box.count[d] > 1 ? std::max<std::uint64_t>(1, (box.count[d] - 1) * tensor_.strides[d]) : 0;
      if (spread > most) most = spread, widest = d;
    }
    const std::uint64_t half = box.count[widest] / 2;
    std::pair<Box, Shape> low{box, place}, high{box, place};
    low.first.count[widest] = half;
    low.first.elements = box.elements / box.count[widest] * half;
    high.first.start[widest] += half;
    high.first.count[widest] -= half;
    high.first.elements = box.elements - low.first.elements;
    high.second[widest] += half;
    open.push_back(std::move(high));
    open.push_back(std::move(low));
  }

  void read_piece(const Box& box, std::uint64_t bytes, std::byte* to, const Shape& steps) {
    stored_.resize(bytes);
    file_.read_at(tensor_.offset + dot(box.start, tensor_.strides) * width_, stored_);
    Shape at(box.count.size());
    for (std::uint64_t i = 0; i < box.elements; ++i) {
      std::memcpy(to + dot(at, steps) * width_, stored_.data() + dot(at, tensor_.strides) * width_, width_);
      for (std::size_t d = at.size(); d-- > 0;) {
        if (++at[d] < box.count[d]) break;
        at[d] = 0;
      }
    }
  }

  const ByteSource& file_;
  const StoredTensor& tensor_;
  std::uint64_t width_;
  std::vector<std::byte> stored_;
};

}  // namespace

void read_elements(const ByteSource& file, const StoredTensor& tensor, ElementRange range, std::span<std::byte> into) {
  if (tensor.strides.empty()) return file.read_at(tensor.offset + bytes_of(tensor.info.dtype, range.first), into);
  ViewReader reader(file, tensor);
  constexpr std::uint64_t any_number = std::numeric_limits<std::uint64_t>::max();
  for (const Box& box : row_major_boxes(tensor.info.shape, range, any_number)) {
    const std::uint64_t bytes = bytes_of(tensor.info.dtype, box.elements);
    reader.read(box, into.first(bytes));
    into = into.subspan(bytes);
  }
}

}  // namespace stockpot::io
