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
#include "methods/kernels/weighted_sum.hpp"

namespace stockpot::methods {

/// The unsigned integer that has the bits of a T. Masks of bits are what every instruction set has; of conditions on floats the
/// compiler makes branches where there are no masked instructions.
template <class T>
using BitsOf = std::conditional_t<sizeof(T) == sizeof(std::uint32_t), std::uint32_t, std::uint64_t>;

/// The value where all bits of the mask are set, 0 where none is.
template <class T>
inline T masked(T value, BitsOf<T> mask) {
  return std::bit_cast<T>(std::bit_cast<BitsOf<T>>(value) & mask);
}

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
    return masked(delta, (key >= low[m]) & (key <= high[m]) ? std::numeric_limits<BitsOf<T>>::max() : 0);
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
    return masked(delta, BitsOf<T>{0} - at(flags[m]));
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

/// entries[m] = weight * (rescale * (x_m - base)) where it stays, 0 elsewhere. @return their sum
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
  constexpr Bits all = std::numeric_limits<Bits>::max(), magnitude = all >> 1, one = std::bit_cast<Bits>(T{1});
  const T below_positive = ending.zero_elects > 0 ? -std::numeric_limits<T>::denorm_min() : T{0};
  const Bits counts_mass = ending.normalize ? all : 0;
  Bits most = 0;
  write_fused<Fused>(count, out, [=, &most](auto at) {
    T entries[Fused::size];
    const T origin = at(base);
    const T votes = weigh_element(in, origin, at, entries);
    most = std::max(most, std::bit_cast<Bits>(votes) & magnitude);
    const Bits elected = votes > below_positive ? Bits{0} : ~magnitude;
    T sum{0}, mass{0};
    for (std::size_t m = 0; m < Fused::size; ++m) {
      const auto turned = static_cast<std::make_signed_t<Bits>>(std::bit_cast<Bits>(entries[m]) ^ elected);
      const Bits agrees = turned > 0 ? all : 0;
      sum += masked(entries[m], agrees);
      mass += masked(in.weight[m], agrees);
    }
    const Bits divisor = std::bit_cast<Bits>(mass) | (mass == 0 ? one : Bits{0});
    return origin + ending.scale * (sum / std::bit_cast<T>((divisor & counts_mass) | (one & ~counts_mass)));
  });
  *most_votes = most;
};

}  // namespace stockpot::methods
