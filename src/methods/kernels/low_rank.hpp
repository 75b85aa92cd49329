// Low-rank changes of a matrix, and the norms of its rows and columns: element loops for core/simd.hpp, T float or
// double.
//
// Every element is computed alone, terms of a sum in ascending order: results do not depend on how a matrix is cut.
#pragma once

#include <cstddef>

#include "core/simd.hpp"
#include "methods/kernels/block_sums.hpp"

namespace stockpot::methods {

/// A product of two matrices with a short inner dimension. Element (i, j) is the sum over k, ascending and from zero,
/// of left[i * left_row + k * left_rank] * right[k * right_rank + j]: neighbours in a row are neighbours in `right`.
template <class T>
struct LowRankProduct {
  const T* left = nullptr;
  std::size_t left_row = 0;
  std::size_t left_rank = 0;
  const T* right = nullptr;
  std::size_t right_rank = 0;
  std::size_t rank = 0;
};

/// A piece of a matrix.
template <class T>
struct MatrixPiece {
  T* values = nullptr;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::size_t row_stride = 0;
};

/// One row's columns [0, columns) of a product, at `right`; a constant `columns` leaves the sums in registers.
template <class T, std::size_t width>
void add_low_rank_columns(const LowRankProduct<T>& p, T scale, std::size_t columns, T* out) {
  T sum[width] = {};
  for (std::size_t k = 0; k < p.rank; ++k) {
    const T left = p.left[k * p.left_rank];
    const T* const right = p.right + k * p.right_rank;
    for (std::size_t j = 0; j < columns; ++j) sum[j] += left * right[j];
  }
  for (std::size_t j = 0; j < columns; ++j) out[j] += scale * sum[j];
}

/// out += scale * product. A panel of `right` stays in the cache for all rows.
inline constexpr auto add_low_rank = []<class T>(LowRankProduct<T> p, T scale, MatrixPiece<T> out) {
  constexpr std::size_t width = 128;
  for (std::size_t first = 0; first < out.columns; first += width) {
    LowRankProduct<T> panel = p;
    panel.right += first;
    for (std::size_t i = 0; i < out.rows; ++i, panel.left += p.left_row) {
      T* const row = out.values + i * out.row_stride + first;
      if (out.columns - first >= width) {
        add_low_rank_columns<T, width>(panel, scale, width, row);
      } else {
        add_low_rank_columns<T, width>(panel, scale, out.columns - first, row);
      }
    }
  }
};

/// sums[j] += x[j]^2, in float64
inline constexpr auto add_squares = []<class T>(const T* x, std::size_t count, double* sums) {
  for (std::size_t i = 0; i < count; ++i) sums[i] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
};

/// The sum of squares of a whole row, in the lanes of block_sums.hpp, however long the row is.
template <class T>
double row_squares(const T* row, std::size_t count) {
  Lanes lanes;
  dispatch(add_products, row, row, count, lanes.sum.data());
  return lanes.joined();
}

/// x += weight * (to - x)
inline constexpr auto move_towards = []<class T>(const T* to, T weight, std::size_t count, T* x) {
  for (std::size_t i = 0; i < count; ++i) x[i] += weight * (to[i] - x[i]);
};

/// x *= factors, element by element
inline constexpr auto multiply_each = []<class T>(const T* factors, std::size_t count, T* x) {
  for (std::size_t i = 0; i < count; ++i) x[i] *= factors[i];
};

}  // namespace stockpot::methods
