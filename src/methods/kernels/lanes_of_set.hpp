// Compression of registers without an instruction for it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace stockpot::methods {

/// For each set of eight lanes, given as bits, which lanes these are, in order: what a permutation needs to bring them to the
/// front.
inline constexpr auto lanes_of_set = [] {
  std::array<std::array<std::uint32_t, 8>, 256> all{};
  for (unsigned set = 0; set < all.size(); ++set) {
    std::size_t next = 0;
    for (unsigned lane = 0; lane < 8; ++lane) {
      if ((set >> lane & 1) != 0) all[set][next++] = lane;
    }
  }
  return all;
}();

}  // namespace stockpot::methods
