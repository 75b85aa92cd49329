#include "io/row_major_boxes.hpp"

#include <algorithm>

namespace stockpot::io {
namespace {

/// The widest box that begins at flat position `first` and has at most `most` elements: whole rows (planes, ...) of the
/// outermost dimension that allows it, one after the other.
Box widest_box(std::span<const std::uint64_t> shape, std::uint64_t first, std::uint64_t most) {
  Box box{.start = Shape(shape.size()), .count = Shape(shape.size(), 1), .elements = 1};
  bool is_full = true;  // the box spans all dimensions that are further in
  for (std::size_t d = shape.size(); d-- > 0; first /= shape[d]) {
    box.start[d] = first % shape[d];
    if (!is_full) continue;
    box.count[d] = std::min(shape[d] - box.start[d], most / box.elements);
    box.elements *= box.count[d];
    is_full = box.count[d] == shape[d];
  }
  return box;
}

}  // namespace

std::vector<Box> row_major_boxes(std::span<const std::uint64_t> shape, ElementRange range, std::uint64_t max_elements) {
  std::vector<Box> boxes;
  while (range.count > 0) {
    boxes.push_back(widest_box(shape, range.first, std::min(range.count, max_elements)));
    range.first += boxes.back().elements;
    range.count -= boxes.back().elements;
  }
  return boxes;
}

}  // namespace stockpot::io
