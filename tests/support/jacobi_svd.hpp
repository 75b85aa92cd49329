// A plain singular value decomposition to compare with: one-sided Jacobi rotations in extended precision.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

namespace stockpot::test {

using Column = std::vector<long double>;

/// M = sum of sigma_j u_j v_j^T; the u_j of values that are exactly zero are zero.
struct PlainSvd {
  std::vector<Column> u, v;
  std::vector<long double> sigma;  ///< descending
};

inline long double dot(const Column& x, const Column& y) {
  return std::inner_product(x.begin(), x.end(), y.begin(), 0.0L);
}

/// One sweep over all pairs. @return whether some pair was not orthogonal yet
inline bool jacobi_sweep(std::vector<Column>& columns, std::vector<Column>& v) {
  bool turned = false;
  for (std::size_t p = 0; p < columns.size(); ++p) {
    for (std::size_t q = p + 1; q < columns.size(); ++q) {
      const long double pp = dot(columns[p], columns[p]), qq = dot(columns[q], columns[q]);
      const long double pq = dot(columns[p], columns[q]);
      if (std::abs(pq) <= 1e-18L * std::sqrt(pp) * std::sqrt(qq)) continue;
      turned = true;
      const long double zeta = (qq - pp) / (2.0L * pq);
      const long double t = std::copysign(1.0L, zeta) / (std::abs(zeta) + std::sqrt(1.0L + zeta * zeta));
      const long double c = 1.0L / std::sqrt(1.0L + t * t), s = c * t;
      const auto turn = [&](Column& x, Column& y) {
        for (std::size_t i = 0; i < x.size(); ++i) {
          const long double old = x[i];
          x[i] = c * old - s * y[i];
          y[i] = s * old + c * y[i];
        }
      };
      turn(columns[p], columns[q]);
      turn(v[p], v[q]);
    }
  }
  return turned;
}

/// @param elements  row by row
inline PlainSvd jacobi_svd(std::size_t rows, std::size_t columns, const std::vector<long double>& elements) {
  const bool turned = columns > rows;
  const std::size_t count = std::min(rows, columns), length = std::max(rows, columns);
  std::vector<Column> u(count, Column(length)), v(count, Column(count));
  for (std::size_t j = 0; j < count; ++j) {
    for (std::size_t i = 0; i < length; ++i) u[j][i] = elements[turned ? j * columns + i : i * columns + j];
    v[j][j] = 1.0L;
  }
  for (int sweep = 0; sweep < 60 && jacobi_sweep(u, v); ++sweep) {
  }
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater{}, [&](std::size_t j) { return dot(u[j], u[j]); });
  PlainSvd result;
  for (const std::size_t j : order) {
    const long double sigma = std::sqrt(dot(u[j], u[j]));
    for (long double& x : u[j]) x = sigma == 0.0L ? 0.0L : x / sigma;
    result.sigma.push_back(sigma);
    result.u.push_back(u[j]);
    result.v.push_back(v[j]);
  }
  if (turned) std::swap(result.u, result.v);
  return result;
}

/// sum of u_j v_j^T over the values above 1e-6 of the largest, row by row.
inline std::vector<long double> plain_polar(std::size_t rows, std::size_t columns,
                                            const std::vector<long double>& elements) {
  const PlainSvd svd = jacobi_svd(rows, columns, elements);
  std::vector<long double> polar(rows * columns);
  for (std::size_t k = 0; k < svd.sigma.size(); ++k) {
    if (!(svd.sigma[k] > 1e-6L * svd.sigma[0])) continue;
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < columns; ++j) polar[i * columns + j] += svd.u[k][i] * svd.v[k][j];
    }
  }
  return polar;
}

}  // namespace stockpot::test
