// The whole of a task-vector merge in one loop, for few models whose trims are ranges of magnitudes: all arrays are read
// side by side and nothing is kept between the steps. The same numbers as consensus.hpp gives step by step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "methods/kernels/consensus.hpp"
#include "methods/kernels/magnitude_select.hpp"
#include "methods/kernels/weighted_sum.hpp"

namespace stockpot::methods {

/// One run of elements of `models` models.
template <class T, class Key, std::size_t models>
struct FusedModels {
  const T* values[models];
  Key low[models], high[models];  ///< keys of the differences that stay; high below low: none
  T rescale[models], weight[models];
};

/// What is done with the weighted differences.
template <class T>
struct FusedEnding {
  T zero_elects{1};  ///< +1 or -1
  T mass{1};         ///< without election: what the sum is divided by
  T scale{1};
  bool normalize = false;  ///< with election: divide by the mass of those that agree
};

/// entries[m] = weight * (rescale * (x_m - base)) where it stays, 0 * weight elsewhere
template <class T, class Key, std::size_t models>
inline void weigh_element(const FusedModels<T, Key, models>& in, T base, std::size_t i, T* entries) {
  for (std::size_t m = 0; m < models; ++m) {
    const T delta = in.values[m][i] - base;
    const Key key = magnitude_key<Key>(delta);
    const T kept = ((key >= in.low[m]) & (key <= in.high[m])) ? delta : T{0};
    entries[m] = in.weight[m] * (in.rescale[m] * kept);
  }
}

inline constexpr auto merge_all = []<class T, class Key, std::size_t models>(FusedModels<T, Key, models> in,
                                                                             const T* base, FusedEnding<T> ending,
                                                                             std::size_t count, T* out) {
  for (std::size_t i = 0; i < count; ++i) {
    T entries[models];
    weigh_element(in, base[i], i, entries);
    T sum{0};
    for (std::size_t m = 0; m < models; ++m) sum += entries[m];
    out[i] = base[i] + ending.scale * (sum / ending.mass);
  }
};

inline constexpr auto merge_elected = []<class T, class Key, std::size_t models>(FusedModels<T, Key, models> in,
                                                                                 const T* base, FusedEnding<T> ending,
                                                                                 std::size_t count, T* out) {
  for (std::size_t i = 0; i < count; ++i) {
    T entries[models];
    weigh_element(in, base[i], i, entries);
    T votes{0};
    for (std::size_t m = 0; m < models; ++m) votes += entries[m];
    const T at_zero = votes == 0 ? ending.zero_elects : T{-1};
    const T elected = votes > 0 ? T{1} : at_zero;
    T sum{0}, mass{0};
    for (std::size_t m = 0; m < models; ++m) {
      const T agrees = static_cast<T>(elected * entries[m] > 0);
      sum += agrees * entries[m];
      mass += agrees * in.weight[m];
    }
    const T divisor = ending.normalize ? mass + static_cast<T>(mass == 0) : T{1};
    out[i] = base[i] + ending.scale * (sum / divisor);
  }
};

}  // namespace stockpot::methods
