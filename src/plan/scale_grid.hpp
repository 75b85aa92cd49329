// Which scale belongs to which values of a quantised tensor, from shapes.
#pragma once

#include <cstdint>
#include <optional>

#include "core/encoding.hpp"
#include "core/tensor.hpp"

namespace stockpot::plan {

/// A tensor of values as matrices: all but the last two dimensions count them. One row where there is one dimension.
struct Matrices {
  std::uint64_t count = 1, rows = 1, columns = 1;
};
Matrices matrices_of(const Shape& values);

/// Sizes of blocks that are known beforehand.
struct BlockSizes {
  std::optional<std::uint64_t> rows, columns;
  bool demanded = false;  ///< no other will do; else they are tried first
};

/// Fits scales of one of these shapes to values of [..., n, k]: one number; [n] or [n, 1], a number for each row; [n, G],
/// groups of columns; blocks of rows and columns, those at the end partial; for several matrices the same with their
/// number in front, or a number for each.
/// @return nothing if the shape is none of these, or leaves the blocks' size open.
std::optional<Encoding::Grid> fit_grid(const Shape& values, const Shape& scales, const BlockSizes& sizes);

}  // namespace stockpot::plan
