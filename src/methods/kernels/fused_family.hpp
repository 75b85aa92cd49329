// The whole of a task-vector merge in one loop, for few models whose trims are ranges of magnitudes or flags: all arrays are
// read side by side and nothing is kept between the steps. The same numbers as consensus.hpp gives step by step, or none.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "methods/kernels/consensus.hpp"
#include "methods/kernels/each_element.hpp"
#include "methods/kernels/magnitude_select.hpp"
#include "methods/kernels/masks.hpp"

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
  using T = ValueOf<E>;
  static constexpr bool in_pairs = true;  // the loop that write_each() has for stored elements is the faster one
  Key low[models], high[models];          ///< keys of the differences that stay; high below low: none
  template <class At>
  T kept(std::size_t m, At, T delta) const {
    const Key key = magnitude_key<Key>(delta);
    return masked(delta, mask_of<T>((key >= low[m]) & (key <= high[m])));
  }
};

/// Trimmed as kept_flags.hpp says.
template <class E, std::size_t models>
struct FusedByFlag : FusedModels<E, models> {
  using T = ValueOf<E>;
  static constexpr bool in_pairs = false;
  const std::uint8_t* flags[models];
  template <class At>
  T kept(std::size_t m, At at, T delta) const {
    return masked(delta, mask_of_flag<T>(at(flags[m])));
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

/// out[i] = value(at) for all i, rounded to E.
template <class Fused, class E, class Value>
inline void write_fused(std::size_t count, E* out, const Value& value) {
  if constexpr (Fused::in_pairs) {
    write_each(count, out, value);
  } else {
    for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<E>(value(ElementAt{i}));
  }
}

/// entries[m] = weight * (rescale * (x_m - base)) where it stays, 0 times both elsewhere. @return their sum
template <class Fused, class T, class At>
inline T weigh_element(const Fused& in, T base, At at, T* entries) {
  T sum{0};
  for (std::size_t m = 0; m < Fused::size; ++m) {
    const T delta = at(in.values[m]) - base;
    entries[m] = in.weight[m] * (in.rescale[m] * in.kept(m, at, delta));
    sum += entries[m];
  }
  return sum;
}

inline constexpr auto merge_all = []<class Fused, class E, class T>(Fused in, const E* base, FusedEnding<T> ending,
                                                                    std::size_t count, E* out) {
  write_fused<Fused>(count, out, [=](auto at) {
    T entries[Fused::size];
    const T origin = at(base);
    const T sum = weigh_element(in, origin, at, entries);
    return origin + ending.scale * (sum / ending.mass);
  });
};

/// For entries that are finite, as is known where `most_votes`, the largest magnitude's bits of any sum of them, is: otherwise
/// what it writes is meaningless, since it does not see what agrees with nobody.
inline constexpr auto merge_elected = []<class Fused, class E, class T>(Fused in, const E* base, FusedEnding<T> ending,
                                                                        std::size_t count, E* out,
                                                                        BitsOf<T>* most_votes) {
  using Bits = BitsOf<T>;
  constexpr Bits magnitude = std::numeric_limits<Bits>::max() >> 1;
  const T below_positive = ending.zero_elects > 0 ? -std::numeric_limits<T>::denorm_min() : T{0};
  const Bits divides = mask_of<T>(ending.normalize);
  Bits most = 0;
  write_fused<Fused>(count, out, [=, &most](auto at) {
    T entries[Fused::size];
    const T origin = at(base);
    const T votes = weigh_element(in, origin, at, entries);
    most = std::max(most, std::bit_cast<Bits>(votes) & magnitude);
    const Bits elected = ~magnitude & ~mask_of<T>(votes > below_positive);  // its sign
    T sum{0}, mass{0};
    for (std::size_t m = 0; m < Fused::size; ++m) {
      const auto turned = static_cast<std::make_signed_t<Bits>>(std::bit_cast<Bits>(entries[m]) ^ elected);
      const Bits agrees = mask_of<T>(turned > 0);
      sum += masked(entries[m], agrees);
      mass += masked(in.weight[m], agrees);
    }
    const T divisor = chosen(divides & ~mask_of<T>(mass == 0), mass, T{1});
    return origin + ending.scale * (sum / divisor);
  });
  *most_votes = most;
};

}  // namespace stockpot::methods
