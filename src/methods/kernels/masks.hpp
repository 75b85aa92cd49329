// Conditions as masks of bits, which every instruction set has. Of conditional values in loops the compiler makes branches
// where there are no masked instructions (GCC 12, AVX2 and before), and data decides them: nobody foresees those.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace stockpot::methods {

/// The unsigned integer that has the bits of a T.
template <class T>
using BitsOf = std::conditional_t<sizeof(T) == sizeof(std::uint32_t), std::uint32_t, std::uint64_t>;

/// All bits of a T, or none.
template <class T>
constexpr BitsOf<T> mask_of(bool condition) {
  return condition ? std::numeric_limits<BitsOf<T>>::max() : BitsOf<T>{0};
}

/// The same of a flag that is 1 or 0.
template <class T>
constexpr BitsOf<T> mask_of_flag(std::uint8_t flag) {
  return BitsOf<T>{0} - flag;
}

/// The value under a mask of all bits, 0 under none.
template <class T>
constexpr T masked(T value, BitsOf<T> mask) {
  return std::bit_cast<T>(std::bit_cast<BitsOf<T>>(value) & mask);
}

/// `yes` under a mask of all bits, `no` under none.
template <class T>
constexpr T chosen(BitsOf<T> mask, T yes, T no) {
  return std::bit_cast<T>((std::bit_cast<BitsOf<T>>(yes) & mask) | (std::bit_cast<BitsOf<T>>(no) & ~mask));
}

}  // namespace stockpot::methods
