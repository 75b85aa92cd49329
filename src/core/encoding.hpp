// Quantised weights: one tensor of values that a file holds as codes and scales, in several tensors.
//
// A value is (code - zero point) * scale, in float32, one rounding per operation. Codes, scales and zero points are
// matrices, or as many matrices one after the other; a scale belongs to a block of the matrix.
#pragma once

#include <cstdint>
#include <optional>

#include "core/adapter.hpp"

namespace stockpot {

struct Encoding {
  enum class Codes {
    f8_e4m3,
    f8_e5m2,
    signed8,  ///< I8
    offset8,  ///< 128 more than the value, four to an I32
    offset4,  ///< 8 more than the value, eight to an I32, from the low bits on
    f4_e2m1   ///< two to a byte, the low half first
  };
  /// Blocks of a matrix, from its first row and column on; those at the end may be partial.
  struct Grid {
    std::uint64_t block_rows = 1, block_columns = 1;  ///< of the values
    std::uint64_t rows = 1, columns = 1;              ///< of the scales
    bool per_matrix = false;                          ///< each matrix has its own; no: they share them
  };
  Codes codes = Codes::f8_e4m3;
  StoredTensor coded = {};
  std::uint64_t matrices = 1, rows = 1, columns = 1;  ///< of the values
  std::uint64_t pitch = 1;                            ///< codes of a stored row: columns, and what fills up a word
  StoredTensor scales = {};
  Grid grid = {};
  std::optional<StoredTensor> zero_points = {};   ///< on the same grid
  std::optional<StoredTensor> global_scale = {};  ///< one number that scales are divided by, before values see them
  std::optional<StoredTensor> group_index = {};   ///< the column of the grid that each column belongs to
  bool turned = false;                            ///< the tensor is the transpose of each matrix

  /// Bytes that any `count` consecutive codes touch, at most.
  std::uint64_t bytes_of_codes(std::uint64_t count) const { return is_nibbles() ? count / 2 + 1 : count; }
  /// Whether stored rows are the tensor's, without anything between them.
  bool is_flat() const { return !turned && pitch == columns; }
  bool is_nibbles() const { return codes == Codes::offset4 || codes == Codes::f4_e2m1; }
};

}  // namespace stockpot
