// The element loops that methods are made of: numbers in, numbers out. T is float or double throughout; E, and X and Y, are
// that or Bfloat16, which is read as float, and into which results are rounded last.
//
// They are callables for core/simd.hpp: dispatch(subtract, x, base, count, out). Each does one rounding per operator,
// in the order written. Input and output may be the same array.
#pragma once

#include <cstddef>

#include "core/simd.hpp"
#include "methods/kernels/each_element.hpp"

namespace stockpot::methods {

/// out = x - y
inline constexpr auto subtract = []<class E, class T>(const E* x, const E* y, std::size_t count, T* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = x[i] - y[i];
};

/// out = x
inline constexpr auto copy = []<class X, class E>(const X* x, std::size_t count, E* out) {
  write_each(count, out, [=](auto at) { return at(x); });
};

/// out = x + y
inline constexpr auto add = []<class X, class Y, class E>(const X* x, const Y* y, std::size_t count, E* out) {
  write_each(count, out, [=](auto at) { return at(x) + at(y); });
};

/// out = factor * x
inline constexpr auto multiply = []<class T, class E>(T factor, const E* x, std::size_t count, E* out) {
  write_each(count, out, [=](auto at) { return factor * at(x); });
};

/// sum = sum + factor * x
inline constexpr auto add_multiple = []<class E, class T>(T factor, const E* x, std::size_t count, T* sum) {
  for (std::size_t i = 0; i < count; ++i) sum[i] += factor * x[i];
};

/// values = values / divisor
inline constexpr auto divide = []<class T>(T divisor, std::size_t count, T* values) {
  for (std::size_t i = 0; i < count; ++i) values[i] /= divisor;
};

/// out = a * x + b * y
inline constexpr auto blend = []<class T, class X, class Y, class E>(T a, const X* x, T b, const Y* y,
                                                                     std::size_t count, E* out) {
  write_each(count, out, [=](auto at) { return a * at(x) + b * at(y); });
};

}  // namespace stockpot::methods
