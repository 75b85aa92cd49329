// How far the models' task vectors lie from one another, in float32: what decides, for nearly every element, on which side of
// a bound its variance is, without computing that.
//
// The population variance is v = (sum over all pairs of models of (d_a - d_b)^2) / models^2. Written so, nothing cancels: for
// up to four models the sum in float32 is off by less than 10 * 2^-24 of itself: half a unit each in the differences (twice,
// since they are squared), the squares and five additions. The variance that counts, in float64 and rounded to float32, is off
// by 2^-24 for the rounding, and by less than 2^-23 for what cancels: task vectors that differ do so by 2^-24 of the larger one at
// least, their mean is known to 2^-51 of it. So
//
//   variance >= bound   implies   spread >= models^2 * bound * (1 - 2^-19)
//   variance <= bound   implies   spread <= models^2 * bound * (1 + 2^-19)
//
// with room to spare, as long as nothing overflows and no square is subnormal: spreads in [2^-90, 2^120], or 0 where all
// models are equal and the variance is exactly 0. Sub-tiles that hold anything else, NaN too, are worked out in full.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/bfloat16.hpp"
#include "methods/kernels/magnitude_keys.hpp"

namespace stockpot::methods {

/// Models and base of a run, for one loop that takes all of them at once: of float, or of Bfloat16, which is read as that.
template <class E, std::size_t models>
struct FewModels {
  static_assert(std::is_same_v<ValueOf<E>, float>);
  const E* model[models];
  const E* base;
};

/// Writes the bits of each element's spread, which are ordered as the spreads are. `*wild` is not 0 if any of them is out of
/// bounds.
inline constexpr auto write_spreads = []<class E, std::size_t models>(FewModels<E, models> in, std::size_t count,
                                                                      std::uint32_t* spreads, std::uint32_t* wild) {
  constexpr float least = 0x1p-90f, greatest = 0x1p120f;
  std::uint32_t any = 0;
  for (std::size_t i = 0; i < count; ++i) {
    float delta[models], spread = 0.0f;
    std::uint32_t differ = 0;
    for (std::size_t m = 0; m < models; ++m) delta[m] = in.model[m][i] - in.base[i];
    for (std::size_t m = 1; m < models; ++m) differ |= delta[m] == delta[0] ? 0 : 1;
    for (std::size_t pair = 0; pair < models * models; ++pair) {  // one loop: of two the compiler keeps the inner one
      const std::size_t a = pair / models, b = pair % models;
      const float apart = delta[a] - delta[b];
      if (a < b) spread += apart * apart;
    }
    any |= differ & (spread >= least ? 0 : 1);
    any |= spread <= greatest ? 0 : 1;
    spreads[i] = std::bit_cast<std::uint32_t>(spread);
  }
  *wild = any;
};

/// Spreads that leave open whether a variance lies in a range; what is below is below the range, what is above is above it.
struct OpenSpreads {
  std::uint32_t low = 0, high = 0;  ///< bits, as write_spreads() writes them

  /// @param variances  keys of magnitudes of float32
  OpenSpreads(KeyRange variances, std::size_t models) {
    constexpr double slack = 0x1p-19;
    constexpr std::uint32_t infinity = std::bit_cast<std::uint32_t>(std::numeric_limits<float>::infinity());
    const auto pairs = static_cast<double>(models * models);
    const auto scaled = [&](std::uint64_t key, double factor) {
      if (key >= infinity) return infinity - 1;  // no spread in bounds is that large
      const double bound = std::bit_cast<float>(static_cast<std::uint32_t>(key)) * pairs * factor;
      return std::bit_cast<std::uint32_t>(
          static_cast<float>(std::min<double>(bound, std::numeric_limits<float>::max())));
    };
    low = scaled(variances.low, 1.0 - slack);
    high = scaled(variances.high, 1.0 + slack);
  }
};

}  // namespace stockpot::methods
