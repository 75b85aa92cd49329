// The frame of loops that make one array out of others, element by element.
//
// Two bfloat16 are one number of 32 bits here, whose halves become floats by a shift and by a mask, and results go back
// the same way. Read one by one, they would have to be spread over registers twice as wide and packed again, which takes
// about as many instructions as the arithmetic of a weighted sum.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/bfloat16.hpp"

namespace stockpot::methods {

/// Element i of an array.
struct ElementAt {
  std::size_t i;
  template <class X>
  ValueOf<X> operator()(const X* x) const {
    return x[i];
  }
};

namespace detail {

/// Element i + half of a pair that begins at i: its first one lies in the lower bits.
template <unsigned half>
struct HalfOfPair {
  std::size_t i;
  template <class X>
  X operator()(const X* x) const {
    return x[i + half];
  }
  float operator()(const Bfloat16* x) const {
    const std::uint32_t pair = Bfloat16::load_pair(x + i);
    return std::bit_cast<float>(half == 0 ? pair << 16 : pair & 0xFFFF0000u);
  }
};

}  // namespace detail

/// out[i] = value(at) for all i, rounded to E; at(x) is element i of an array x.
template <class E, class Value>
void write_each(std::size_t count, E* out, const Value& value) {
  if constexpr (std::is_same_v<E, Bfloat16>) {
    const std::size_t paired = count / 2 * 2;
    for (std::size_t i = 0; i < paired; i += 2) {
      const std::uint32_t first = Bfloat16::rounded(value(detail::HalfOfPair<0>{i})) >> 16;
      const std::uint32_t second = Bfloat16::rounded(value(detail::HalfOfPair<1>{i})) & 0xFFFF0000u;
      Bfloat16::store_pair(first | second, out + i);
    }
    if (paired < count) out[paired] = Bfloat16(value(ElementAt{paired}));
  } else {
    for (std::size_t i = 0; i < count; ++i) out[i] = value(ElementAt{i});
  }
}

}  // namespace stockpot::methods
