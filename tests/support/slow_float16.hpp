// 16-bit floating-point formats by their definition: values from exponent and mantissa, rounding by comparing with the
// midpoint of two neighbours. Slow, and shares nothing with core/half.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace stockpot::test {

class SlowFloat16 {
 public:
  static SlowFloat16 bf16() { return {7, 127}; }
  static SlowFloat16 f16() { return {10, 15}; }

  std::uint16_t infinity() const { return infinity_; }

  /// @pre no NaN.
  double value(std::uint16_t pattern) const {
    const auto magnitude = static_cast<std::uint16_t>(pattern & 0x7FFFu);
    const double size = magnitude == infinity_ ? std::numeric_limits<double>::infinity() : sizes_[magnitude];
    return (pattern & 0x8000u) != 0 ? -size : size;
  }

  /// The midpoint between a magnitude and the next one; of the largest, where rounding to infinity begins.
  double midpoint(std::uint16_t magnitude) const { return (sizes_[magnitude] + sizes_[magnitude + 1u]) / 2; }

  /// To nearest, ties to even. @pre no NaN.
  std::uint16_t rounded(double value) const {
    const double size = std::fabs(value);
    const auto above = std::lower_bound(sizes_.begin(), sizes_.end(), size);
    auto magnitude = static_cast<std::uint16_t>(std::min<std::ptrdiff_t>(above - sizes_.begin(), infinity_));
    if (above != sizes_.end() && *above != size) {
      const auto below = static_cast<std::uint16_t>(magnitude - 1);
      const bool go_down = size < midpoint(below) || (size == midpoint(below) && below % 2 == 0);
      if (go_down) magnitude = below;
    }
    return static_cast<std::uint16_t>(magnitude | (std::signbit(value) ? 0x8000u : 0u));
  }

 private:
  SlowFloat16(int mantissa_bits, int bias)
      : infinity_(static_cast<std::uint16_t>(0x7FFF >> mantissa_bits << mantissa_bits)) {
    for (unsigned magnitude = 0; magnitude <= infinity_; ++magnitude) {
      const int exponent = static_cast<int>(magnitude >> mantissa_bits);
      const int fraction = static_cast<int>(magnitude & ((1u << mantissa_bits) - 1));
      const int hidden = exponent == 0 ? 0 : 1 << mantissa_bits;
      sizes_.push_back(std::ldexp(hidden + fraction, std::max(exponent, 1) - bias - mantissa_bits));
    }
  }
  std::uint16_t infinity_;
  std::vector<double> sizes_;  // of each magnitude; at infinity's place the power of two that rounding compares with
};

}  // namespace stockpot::test
