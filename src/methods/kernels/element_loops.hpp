// The element loops that methods are made of: numbers in, numbers out, T is float or double throughout.
//
// They are callables for core/simd.hpp: dispatch(subtract, x, base, count, out). Each does one rounding per operator,
// in the order written. Input and output may be the same array.
#pragma once

#include <cstddef>

#include "core/simd.hpp"

namespace stockpot::methods {

/// out = x - y
inline constexpr auto subtract = []<class T>(const T* x, const T* y, std::size_t count, T* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = x[i] - y[i];
};

/// out = x + y
inline constexpr auto add = []<class T>(const T* x, const T* y, std::size_t count, T* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = x[i] + y[i];
};

/// out = factor * x
inline constexpr auto multiply = []<class T>(T factor, const T* x, std::size_t count, T* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = factor * x[i];
};

/// sum = sum + factor * x
inline constexpr auto add_multiple = []<class T>(T factor, const T* x, std::size_t count, T* sum) {
  for (std::size_t i = 0; i < count; ++i) sum[i] += factor * x[i];
};

/// values = values / divisor
inline constexpr auto divide = []<class T>(T divisor, std::size_t count, T* values) {
  for (std::size_t i = 0; i < count; ++i) values[i] /= divisor;
};

/// out = a * x + b * y
inline constexpr auto blend = []<class T>(T a, const T* x, T b, const T* y, std::size_t count, T* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = a * x[i] + b * y[i];
};

}  // namespace stockpot::methods
