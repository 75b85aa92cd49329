// Which elements of a task vector a trim leaves: a byte for each, 1 or 0, as loops like them, and a bit for each, as they
// are noted between passes, the first element's in the lowest bit of a byte.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/bfloat16.hpp"
#include "methods/kernels/block_sums.hpp"
#include "methods/kernels/masks.hpp"
#include "methods/kernels/sub_tile.hpp"

namespace stockpot::methods {

/// Room for flags that are made of bits, eight at a time.
constexpr std::size_t flag_room(std::size_t elements) { return (elements + 7) / 8 * 8; }

/// bits = flags, 0 beyond `count` in the last byte
inline constexpr auto pack_flags = [](const std::uint8_t* flags, std::size_t count, std::uint8_t* bits) {
  constexpr std::uint64_t to_top_byte = 0x0102040810204080;  // flag k, in bit 8 k, goes to bit 56 + k
  const std::size_t whole = count / 8;
  for (std::size_t byte = 0; byte < whole; ++byte) {
    std::uint64_t eight;
    std::memcpy(&eight, flags + 8 * byte, sizeof(eight));
    bits[byte] = static_cast<std::uint8_t>(eight * to_top_byte >> 56);
  }
  if (count % 8 == 0) return;
  bits[whole] = 0;
  for (std::size_t i = 8 * whole; i < count; ++i) bits[whole] |= static_cast<std::uint8_t>(flags[i] << i % 8);
};

/// flags = bits. @param flags  flag_room(count) bytes
inline constexpr auto unpack_flags = [](const std::uint8_t* bits, std::size_t count, std::uint8_t* flags) {
  constexpr std::uint64_t ones = 0x0101010101010101;
  for (std::size_t byte = 0; byte < flag_room(count) / 8; ++byte) {
    const std::uint64_t own_bits = bits[byte] * ones & 0x8040201008040201;  // byte k of eight has bit k alone
    const std::uint64_t eight = (own_bits + 0x7F * ones) >> 7 & ones;
    std::memcpy(flags + 8 * byte, &eight, sizeof(eight));
  }
};

/// all += the magnitudes (or the squares) of x - base, kept += those of the elements that stay, both in lanes.
inline constexpr auto add_norms = []<class E>(const E* x, const E* base, const std::uint8_t* flags, bool squares,
                                              std::size_t count, double* all, double* kept) {
  using T = ValueOf<E>;
  for (std::size_t first = 0; first < count; first += run_elements) {
    T delta[run_elements], left[run_elements];
    const std::size_t length = std::min(run_elements, count - first);
    for (std::size_t i = 0; i < length; ++i) {
      delta[i] = x[first + i] - base[first + i];
      left[i] = masked(delta[i], mask_of_flag<T>(flags[first + i]));
    }
    if (squares) {
      add_products(delta, delta, length, all);
      add_products(left, left, length, kept);
    } else {
      add_magnitudes_of_two(delta, left, length, all, kept);
    }
  }
};

/// delta = x - base, left = the same where it stays, 0 elsewhere
inline constexpr auto trim_by_flags = []<class E, class T>(const E* x, const E* base, const std::uint8_t* flags,
                                                           std::size_t count, T* delta, T* left) {
  for (std::size_t i = 0; i < count; ++i) {
    delta[i] = x[i] - base[i];
    left[i] = masked(delta[i], mask_of_flag<T>(flags[i]));
  }
};

/// out = weight * (factor * (x - base)) where it stays, weight * 0 elsewhere
inline constexpr auto weigh_by_flags = []<class E, class T>(const E* x, const E* base, const std::uint8_t* flags,
                                                            T factor, T weight, std::size_t count, T* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const T kept = masked(x[i] - base[i], mask_of_flag<T>(flags[i]));
    out[i] = weight * (factor * kept);
  }
};

/// flags = whether a word is at most `last_kept`.
inline constexpr auto flag_by_word = [](const std::uint32_t* words, std::uint32_t last_kept, std::size_t count,
                                        std::uint8_t* flags) {
  for (std::size_t i = 0; i < count; ++i) flags[i] = static_cast<std::uint8_t>(words[i] <= last_kept);
};

}  // namespace stockpot::methods
