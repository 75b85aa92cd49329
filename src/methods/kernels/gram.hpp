// Gram statistics: the dot products of all pairs of a few vectors. Every norm, angle and distance among the vectors and
// their weighted sums follows from them, so that an iteration over whole tensors costs one pass over the data.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "methods/kernels/block_sums.hpp"

namespace stockpot::methods {

/// Pairs (j, k), j <= k, of so many vectors.
constexpr std::size_t pairs_of(std::size_t vectors) { return vectors * (vectors + 1) / 2; }

/// A symmetric matrix, seen through its upper triangle: the pairs (j, k), j <= k, row by row.
class Gram {
 public:
  /// @param triangle  pairs_of(vectors) values, which must outlive the view.
  Gram(std::span<const double> triangle, std::size_t vectors) : triangle_(triangle), vectors_(vectors) {}

  /// Place of the pair (j, k), j <= k, in the triangle.
  static constexpr std::size_t place(std::size_t vectors, std::size_t j, std::size_t k) {
    return j * vectors - j * (j + 1) / 2 + k;
  }

  std::size_t vectors() const { return vectors_; }
  double operator()(std::size_t j, std::size_t k) const {
    return triangle_[j <= k ? place(vectors_, j, k) : place(vectors_, k, j)];
  }

  /// <y, u_j> for all j, where y = sum of c[k] u_k.
  std::vector<double> products(std::span<const double> c) const;
  /// |y|^2, at least 0 but for NaN.
  double squared_norm(std::span<const double> c) const;

 private:
  std::span<const double> triangle_;
  std::size_t vectors_;
};

/// Sums the triangle over runs of elements, a sub-tile of all vectors at a time. Differences are rounded to ValueOf<E>,
/// their products and sums are float64 in the lanes of block_sums.hpp. Holds scratch space: not for two threads at once.
template <class E>
class GramSums {
 public:
  /// @param vectors  each minus `origin`, or as it is if `origin` is nullptr. All must outlive this.
  explicit GramSums(std::span<const E* const> vectors, const E* origin = nullptr);

  /// Adds the triangle of elements [first, first + count) to running sums: `first` is at a multiple of 8 elements of them.
  void add(std::size_t first, std::size_t count, std::span<Lanes> sums) const;
  /// gram = the triangle of elements [first, first + count), which lie in one block.
  void block(std::size_t first, std::size_t count, std::span<double> gram);
  /// The same of any number of elements, blocks counted from `first`.
  void run(std::size_t first, std::size_t count, std::span<double> gram);

 private:
  static constexpr std::size_t most_rows = 4, most_columns = 2;
  /// Vectors [row, row + rows) with each other, or with vectors [column, column + columns) if these are any.
  struct PairBlock {
    std::size_t row, rows, column, columns;
  };
  void add_sub_tile(std::size_t first, std::size_t count, std::span<Lanes> sums) const;
  void add_block(PairBlock block, std::size_t first, std::size_t count, std::span<Lanes> sums) const;

  std::span<const E* const> vectors_;
  const E* origin_;
  std::vector<Lanes> lanes_;  // of each pair, for block()
};

}  // namespace stockpot::methods
