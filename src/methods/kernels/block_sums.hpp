// Sums over one block, in an order that is part of the numeric contract: 8 running float64 sums, element i of the block
// goes to lane i mod 8, lanes joined as ((0+1)+(2+3))+((4+5)+(6+7)). Eight lanes are what lets the loop vectorise.
#pragma once

#include <array>
#include <cassert>
#include <cmath>
#include <cstddef>

#include "core/range.hpp"
#include "core/simd.hpp"

namespace stockpot::methods {

/// The running sums of one block.
struct Lanes {
  std::array<double, 8> sum{};

  double joined() const { return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7])); }
};

/// Adds term(0) ... term(count - 1) to `lanes`. The first term belongs to an element whose index in its block is a
/// multiple of 8.
template <class Term>
void add_terms(double* lanes, std::size_t count, const Term& term) {
  double sum[8];
  for (std::size_t lane = 0; lane < 8; ++lane) sum[lane] = lanes[lane];
  const std::size_t whole = count / 8 * 8;
  for (std::size_t i = 0; i < whole; i += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) sum[lane] += term(i + lane);
  }
  for (std::size_t lane = 0; lane < count - whole; ++lane) sum[lane] += term(whole + lane);
  for (std::size_t lane = 0; lane < 8; ++lane) lanes[lane] = sum[lane];
}

/// lanes += x * y
inline constexpr auto add_products = []<class T>(const T* x, const T* y, std::size_t count, double* lanes) {
  add_terms(lanes, count, [=](std::size_t i) { return static_cast<double>(x[i]) * static_cast<double>(y[i]); });
};

/// lanes += |x|
inline constexpr auto add_magnitudes = []<class T>(const T* x, std::size_t count, double* lanes) {
  add_terms(lanes, count, [=](std::size_t i) { return static_cast<double>(std::abs(x[i])); });
};

/// The dot product of one block. @pre count <= block_elements
template <class T>
double block_dot(const T* x, const T* y, std::size_t count) {
  assert(count <= block_elements);
  Lanes lanes;
  dispatch(add_products, x, y, count, lanes.sum.data());
  return lanes.joined();
}

}  // namespace stockpot::methods
