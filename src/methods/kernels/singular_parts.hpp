// Singular vectors of several matrices side by side, as tsvm and iso_cts join them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "methods/kernels/singular_values.hpp"

namespace stockpot::methods {

/// U, V and sigma with room for `columns` columns, filled part by part.
class SingularParts {
 public:
  SingularParts(std::size_t rows, std::size_t columns_of_matrix, std::size_t columns)
      : u_(rows, columns), v_(columns_of_matrix, columns) {
    sigma_.reserve(columns);
  }

  /// Puts `part` beside the others. Its vectors of values up to `negligible` become zero: which they are is chance, or
  /// rounding, and they must not push others aside.
  void add(const SingularVectors& part, double negligible) {
    for (std::size_t j = 0; j < part.u.columns(); ++j) {
      const bool zero = part.sigma[j] <= negligible;
      copy(part.u, j, zero, u_);
      copy(part.v, j, zero, v_);
      sigma_.push_back(part.sigma[j]);
    }
  }

  std::span<const double> sigma() const { return sigma_; }
  std::size_t size() const { return sigma_.size(); }
  ConstMatrixView u() const { return u_.view(); }
  ConstMatrixView v() const { return v_.view(); }
  /// polar(U) and polar(V); U or V is gone then.
  Polar take_polar_u() { return polar(std::move(u_)); }
  Polar take_polar_v() { return polar(std::move(v_)); }

  /// Memory from the first part to both polar factors. @param finding  what finding the parts, or joining the factors,
  /// takes
  static std::size_t bytes(std::size_t rows, std::size_t columns_of_matrix, std::size_t columns, std::size_t finding) {
    const std::size_t u = rows * columns * sizeof(double), v = columns_of_matrix * columns * sizeof(double);
    const std::size_t sigma = columns * sizeof(double);
    return sigma +
           std::max({u + v + finding, polar_bytes(rows, columns) + v, u + polar_bytes(columns_of_matrix, columns)});
  }

 private:
  void copy(const Matrix& from, std::size_t j, bool zero, Matrix& to) const {
    double* column = to.column(sigma_.size());
    if (zero) {
      std::fill_n(column, to.rows(), 0.0);
    } else {
      std::copy_n(from.column(j), to.rows(), column);
    }
  }

  Matrix u_, v_;
  std::vector<double> sigma_;
};

}  // namespace stockpot::methods
