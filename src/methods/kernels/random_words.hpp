// The random words of a run of elements: RandomStream::words for many groups of four at once, in a loop that
// vectorises.
//
// Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011 (Philox4x32-10). core/random.hpp has the
// same function for one group; tests hold the two together.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/random.hpp"
#include "core/simd.hpp"

namespace stockpot::methods {

/// out[4 * i + w] = word w of group first + i. Words are kept in 64-bit variables, the width of their products: the
/// compiler then needs no shuffles between halves, which cost more than the multiplications.
inline constexpr auto philox_words = [](RandomStream random, std::uint64_t first, std::size_t groups,
                                        std::uint32_t* out) {
  constexpr std::uint64_t low32 = 0xFFFFFFFF;
  for (std::size_t i = 0; i < groups; ++i) {
    const std::uint64_t group = first + i;
    std::uint64_t c0 = group & low32, c1 = group >> 32, c2 = random.stream & low32, c3 = random.stream >> 32;
    std::uint64_t k0 = random.seed & low32, k1 = random.seed >> 32;
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = c0 * 0xD2511F53u;
      const std::uint64_t p1 = c2 * 0xCD9E8D57u;
      c0 = (p1 >> 32) ^ c1 ^ k0;
      c2 = (p0 >> 32) ^ c3 ^ k1;
      c1 = p1 & low32;
      c3 = p0 & low32;
      k0 = (k0 + 0x9E3779B9u) & low32;
      k1 = (k1 + 0xBB67AE85u) & low32;
    }
    out[4 * i] = static_cast<std::uint32_t>(c0);
    out[4 * i + 1] = static_cast<std::uint32_t>(c1);
    out[4 * i + 2] = static_cast<std::uint32_t>(c2);
    out[4 * i + 3] = static_cast<std::uint32_t>(c3);
  }
};

/// Room for the words of `elements` elements, also at a start or end inside a group of four.
constexpr std::size_t word_room(std::size_t elements) { return elements + 8; }

/// The words of elements [first, first + count). @param room  word_room(count) values.   @return where they begin in it.
inline const std::uint32_t* element_words(RandomStream random, std::uint64_t first, std::size_t count,
                                          std::uint32_t* room) {
  const std::size_t skipped = first % 4;
  dispatch(philox_words, random, first / 4, (skipped + count + 3) / 4, room);
  return room + skipped;
}

}  // namespace stockpot::methods
