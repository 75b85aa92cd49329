// Tiles are worked in sub-tiles, so short that the intermediates of all models stay in the first- and second-level
// cache.
//
// Inside a sub-tile the loop over models is outside the loop over elements: each loop is a plain one that vectorises,
// and every element still sees the models in configuration order.
#pragma once

#include <algorithm>
#include <cstddef>

namespace stockpot::methods {

/// A multiple of 8, the lanes of block_sums.hpp, and a divisor of the block.
inline constexpr std::size_t sub_tile_elements = 2048;

/// Calls body(first, count) for consecutive sub-tiles of [0, elements).
template <class Body>
void for_each_sub_tile(std::size_t elements, const Body& body) {
  for (std::size_t first = 0; first < elements; first += sub_tile_elements) {
    body(first, std::min(sub_tile_elements, elements - first));
  }
}

/// Elements that one kernel takes through all models before it goes on: intermediates of a few registers each, and all
/// arrays are read side by side.
inline constexpr std::size_t run_elements = 128;

}  // namespace stockpot::methods
