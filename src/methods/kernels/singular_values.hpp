// The matrix tools that methods use: singular vectors, and the polar factor, of a matrix that lies anywhere.
#pragma once

#include <cstddef>
#include <vector>

#include "methods/kernels/matrix.hpp"

namespace stockpot::methods {

/// M = U diag(sigma) V^T, U and V with orthonormal columns.
struct SingularVectors {
  Matrix u;
  std::vector<double> sigma;  ///< descending, all of them
  Matrix v;
};

/// The thin singular value decomposition, to about 1e-14 of the largest value for a few thousand columns. A tensor's rows
/// and columns, T is float or double, any steps. NaN or an infinity among the elements makes all of the result NaN.
/// @param wanted  columns of U and V, those of the largest values; at most min(rows, columns). All values are found.
template <class T>
SingularVectors singular_vectors(BasicMatrixView<const T> matrix, std::size_t wanted);

/// Singular values up to this part of the largest belong to no direction of a polar factor.
inline constexpr double polar_cut = 1e-6;

/// U_k V_k^T over the k singular values above polar_cut times the largest; zero for a zero matrix.
struct Polar {
  Matrix factor;  ///< lies turned (transposed) if the matrix is not tall
  bool turned = false;
  double sum = 0.0;      ///< of all singular values, small ones too
  std::size_t rank = 0;  ///< k
  ConstMatrixView view() const { return turned ? factor.view().transposed() : factor.view(); }
};
/// NaN or an infinity among the elements makes all of the result NaN, with rank 0.
template <class T>
Polar polar(BasicMatrixView<const T> matrix);
/// The same, in the memory of the matrix. @pre rows >= columns
Polar polar(Matrix tall);

/// Memory that these take at most, results included; polar(Matrix) with its argument.
std::size_t singular_vectors_bytes(std::size_t rows, std::size_t columns, std::size_t wanted);
std::size_t polar_bytes(std::size_t rows, std::size_t columns);

}  // namespace stockpot::methods
