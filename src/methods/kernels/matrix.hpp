// Matrices of float64 for the methods that need singular vectors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>

namespace stockpot::methods {

/// Elements in somebody else's memory: element (i, j) is data[i * row_step + j * column_step].
template <class T>
struct BasicMatrixView {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::size_t row_step = 1;
  std::size_t column_step = 0;

  T& operator()(std::size_t i, std::size_t j) const { return data[i * row_step + j * column_step]; }
  /// @pre row_step == 1
  T* column(std::size_t j) const { return data + j * column_step; }
  BasicMatrixView block(std::size_t i, std::size_t j, std::size_t block_rows, std::size_t block_columns) const {
    return {data + i * row_step + j * column_step, block_rows, block_columns, row_step, column_step};
  }
  BasicMatrixView transposed() const { return {data, columns, rows, column_step, row_step}; }
  operator BasicMatrixView<const T>() const {  // NOLINT(google-explicit-constructor)
    return {data, rows, columns, row_step, column_step};
  }
};
using MatrixView = BasicMatrixView<double>;
using ConstMatrixView = BasicMatrixView<const double>;

/// Owns its elements, column after column.
class Matrix {
 public:
  Matrix() = default;
  /// Elements are left as they come.
  Matrix(std::size_t rows, std::size_t columns)
      : rows_(rows), columns_(columns), data_(std::make_unique_for_overwrite<double[]>(rows * columns)) {}
  static Matrix zero(std::size_t rows, std::size_t columns) {
    Matrix matrix(rows, columns);
    std::fill_n(matrix.data_.get(), rows * columns, 0.0);
    return matrix;
  }

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  double* column(std::size_t j) { return data_.get() + j * rows_; }
  const double* column(std::size_t j) const { return data_.get() + j * rows_; }
  double& operator()(std::size_t i, std::size_t j) { return column(j)[i]; }
  double operator()(std::size_t i, std::size_t j) const { return column(j)[i]; }
  MatrixView view() { return {data_.get(), rows_, columns_, 1, rows_}; }
  ConstMatrixView view() const { return {data_.get(), rows_, columns_, 1, rows_}; }
  MatrixView block(std::size_t i, std::size_t j, std::size_t rows, std::size_t columns) {
    return view().block(i, j, rows, columns);
  }
  ConstMatrixView block(std::size_t i, std::size_t j, std::size_t rows, std::size_t columns) const {
    return view().block(i, j, rows, columns);
  }
  /// Forgets the columns from `columns` on; the memory stays. @pre columns <= this->columns()
  void keep_columns(std::size_t columns) { columns_ = columns; }

 private:
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
  std::unique_ptr<double[]> data_;
};

/// Calls body(i, j) for all elements, in squares that fit the cache whichever way they lie.
template <class Body>
void for_each_element(std::size_t rows, std::size_t columns, const Body& body) {
  constexpr std::size_t side = 32;
  for (std::size_t j0 = 0; j0 < columns; j0 += side) {
    for (std::size_t i0 = 0; i0 < rows; i0 += side) {
      for (std::size_t j = j0; j < std::min(j0 + side, columns); ++j) {
        for (std::size_t i = i0; i < std::min(i0 + side, rows); ++i) body(i, j);
      }
    }
  }
}

}  // namespace stockpot::methods
