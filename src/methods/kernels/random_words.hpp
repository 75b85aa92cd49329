// The random words of a run of elements: RandomStream::words for many groups of four at once.
//
// Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011 (Philox4x32-10). core/random.hpp has the
// same function for one group; tests hold the two together.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/random.hpp"

namespace stockpot::methods {

/// Room for the words of `elements` elements, also at a start or end inside a group of four.
constexpr std::size_t word_room(std::size_t elements) { return elements + 8; }

/// out[4 * i + w] = word w of group first + i, by the instruction set in use.
void write_words(RandomStream random, std::uint64_t first, std::size_t groups, std::uint32_t* out);

/// The words of elements [first, first + count). @param room  word_room(count) values.   @return where they begin in it.
inline const std::uint32_t* element_words(RandomStream random, std::uint64_t first, std::size_t count,
                                          std::uint32_t* room) {
  const std::size_t skipped = first % 4;
  write_words(random, first / 4, (skipped + count + 3) / 4, room);
  return room + skipped;
}

}  // namespace stockpot::methods
