// Loops that add to running sums in lanes.
#pragma once

#include <cmath>
#include <cstddef>

#include "core/simd.hpp"
#include "methods/lanes.hpp"

namespace stockpot::methods {

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

/// The same for two arrays at once, each with its lanes: an addition waits for the one before it in its own lane only.
template <class T>
void add_magnitudes_of_two(const T* x, const T* y, std::size_t count, double* x_lanes, double* y_lanes) {
  double sum_x[8], sum_y[8];
  for (std::size_t lane = 0; lane < 8; ++lane) sum_x[lane] = x_lanes[lane];
  for (std::size_t lane = 0; lane < 8; ++lane) sum_y[lane] = y_lanes[lane];
  const std::size_t whole = count / 8 * 8;
  for (std::size_t i = 0; i < whole; i += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) sum_x[lane] += static_cast<double>(std::abs(x[i + lane]));
    for (std::size_t lane = 0; lane < 8; ++lane) sum_y[lane] += static_cast<double>(std::abs(y[i + lane]));
  }
  for (std::size_t lane = 0; lane < count - whole; ++lane)
    sum_x[lane] += static_cast<double>(std::abs(x[whole + lane]));
  for (std::size_t lane = 0; lane < count - whole; ++lane)
    sum_y[lane] += static_cast<double>(std::abs(y[whole + lane]));
  for (std::size_t lane = 0; lane < 8; ++lane) x_lanes[lane] = sum_x[lane];
  for (std::size_t lane = 0; lane < 8; ++lane) y_lanes[lane] = sum_y[lane];
}

}  // namespace stockpot::methods
