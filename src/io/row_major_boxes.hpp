// A run of consecutive elements of an array as boxes: libraries of array files know selections by index, not by
// position.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/range.hpp"
#include "core/tensor.hpp"

namespace stockpot::io {

/// Indices [start, start + count) in each dimension. Its elements are consecutive in the array.
struct Box {
  Shape start, count;
  std::uint64_t elements = 0;
  bool operator==(const Box&) const = default;
};

/// Cuts a flat range of a row-major array into as few boxes as it takes going from left to right, in order.
/// @param shape         no dimension is 0 unless the range is empty; none at all for a scalar.
/// @param max_elements  per box, at least 1.
std::vector<Box> row_major_boxes(std::span<const std::uint64_t> shape, ElementRange range, std::uint64_t max_elements);

}  // namespace stockpot::io
