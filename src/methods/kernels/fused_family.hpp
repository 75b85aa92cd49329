// The whole of a task-vector merge in one loop, for few models whose trims are ranges of magnitudes or flags: all arrays are
// read side by side and nothing is kept between the steps. The same numbers as consensus.hpp gives step by step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "methods/kernels/consensus.hpp"
#include "methods/kernels/each_element.hpp"
#include "methods/kernels/magnitude_select.hpp"
#include "methods/kernels/weighted_sum.hpp"

namespace stockpot::methods {

/// One run of elements of `models` models.
template <class E, std::size_t models>
struct FusedModels {
  using T = ValueOf<E>;
  static constexpr std::size_t size = models;
  const E* values[models];
  T rescale[models], weight[models];
};

/// Trimmed by ranges of magnitudes.
template <class E, class Key, std::size_t models>
struct FusedByKey : FusedModels<E, models> {
  Key low[models], high[models];  ///< keys of the differences that stay; high below low: none
  template <class At>
  bool stays(std::size_t m, At, ValueOf<E> delta) const {
    const Key key = magnitude_key<Key>(delta);
    return (key >= low[m]) & (key <= high[m]);
  }
};

/// Trimmed as kept_flags.hpp says.
template <class E, std::size_t models>
struct FusedByFlag : FusedModels<E, models> {
  const std::uint8_t* flags[models];
  template <class At>
  bool stays(std::size_t m, At at, ValueOf<E>) const {
    return at(flags[m]) != 0;
  }
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
template <class Fused, class T, class At>
inline void weigh_element(const Fused& in, T base, At at, T* entries) {
  for (std::size_t m = 0; m < Fused::size; ++m) {
    const T delta = at(in.values[m]) - base;
    const T kept = in.stays(m, at, delta) ? delta : T{0};
    entries[m] = in.weight[m] * (in.rescale[m] * kept);
  }
}

inline constexpr auto merge_all = []<class Fused, class E, class T>(Fused in, const E* base, FusedEnding<T> ending,
                                                                    std::size_t count, E* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const ElementAt at{i};
    T entries[Fused::size];
    const T origin = at(base);
    weigh_element(in, origin, at, entries);
    T sum{0};
    for (std::size_t m = 0; m < Fused::size; ++m) sum += entries[m];
    out[i] = static_cast<E>(origin + ending.scale * (sum / ending.mass));
  }
};

inline constexpr auto merge_elected = []<class Fused, class E, class T>(Fused in, const E* base, FusedEnding<T> ending,
                                                                        std::size_t count, E* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const ElementAt at{i};
    T entries[Fused::size];
    const T origin = at(base);
    weigh_element(in, origin, at, entries);
    T votes{0};
    for (std::size_t m = 0; m < Fused::size; ++m) votes += entries[m];
    const T at_zero = votes == 0 ? ending.zero_elects : T{-1};
    const T elected = votes > 0 ? T{1} : at_zero;
    T sum{0}, mass{0};
    for (std::size_t m = 0; m < Fused::size; ++m) {
      const T agrees = static_cast<T>(elected * entries[m] > 0);
      sum += agrees * entries[m];
      mass += agrees * in.weight[m];
    }
    const T divisor = ending.normalize ? mass + static_cast<T>(mass == 0) : T{1};
    out[i] = static_cast<E>(origin + ending.scale * (sum / divisor));
  }
};

}  // namespace stockpot::methods
