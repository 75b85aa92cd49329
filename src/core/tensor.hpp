// What is known of a tensor without its data.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/dtype.hpp"

namespace stockpot {

using Shape = std::vector<std::uint64_t>;

/// Products and sums that say when they do not fit 64 bits.
std::optional<std::uint64_t> checked_multiply(std::uint64_t a, std::uint64_t b);
std::optional<std::uint64_t> checked_add(std::uint64_t a, std::uint64_t b);

/// Product of the dimensions, left to right; nothing if it overflows on the way, even when a later dimension is 0.
std::optional<std::uint64_t> checked_elements(std::span<const std::uint64_t> shape);

/// A tensor's name, type and shape. Its element count and byte count fit 64 bits: readers check before they make one.
struct TensorInfo {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;

  std::uint64_t elements() const;
  std::uint64_t bytes() const { return bytes_of(dtype, elements()); }
  /// Elements that share every index but the last; all elements of a 0-d or 1-d tensor.
  std::uint64_t row_elements() const { return shape.size() < 2 ? elements() : shape.back(); }
};

/// "[4096, 11008]"
std::string to_string(std::span<const std::uint64_t> shape);

}  // namespace stockpot
