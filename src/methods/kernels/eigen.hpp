// Eigen, held to one way of adding up. Included by sources only.
//
// Its products are blocked by the sizes of the CPU's caches, which would give other roundings on other CPUs; with the sizes
// fixed, and without threads and instruction sets beyond the baseline, the same operations run everywhere.
#pragma once

#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Core>
#include <cstddef>

#include "methods/kernels/matrix.hpp"

namespace stockpot::methods {

/// Call before any product or decomposition. Thread safe.
inline void fix_eigen_blocking() {
  [[maybe_unused]] static const bool fixed = [] {
    constexpr std::ptrdiff_t kibibyte = 1024;
    Eigen::setCpuCacheSizes(32 * kibibyte, 512 * kibibyte, 4096 * kibibyte);
    return true;
  }();
}

/// Matrices whose columns are contiguous.
using EigenView = Eigen::Map<Eigen::MatrixXd, Eigen::Unaligned, Eigen::OuterStride<>>;
using ConstEigenView = Eigen::Map<const Eigen::MatrixXd, Eigen::Unaligned, Eigen::OuterStride<>>;

/// @pre view.row_step == 1
inline EigenView eigen_view(MatrixView view) {
  return {view.data, static_cast<Eigen::Index>(view.rows), static_cast<Eigen::Index>(view.columns),
          Eigen::OuterStride<>(static_cast<Eigen::Index>(view.column_step))};
}
inline ConstEigenView eigen_view(ConstMatrixView view) {
  return {view.data, static_cast<Eigen::Index>(view.rows), static_cast<Eigen::Index>(view.columns),
          Eigen::OuterStride<>(static_cast<Eigen::Index>(view.column_step))};
}

}  // namespace stockpot::methods
