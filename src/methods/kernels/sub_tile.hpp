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

/// Calls body.operator()<models>() for 1 to 4 models, which one loop over elements takes at once. @return false for any
/// other number.
inline constexpr std::size_t most_models_at_once = 4;
template <class Body>
bool with_few(std::size_t models, const Body& body) {
  switch (models) {
    case 1:
      body.template operator()<1>();
      return true;
    case 2:
      body.template operator()<2>();
      return true;
    case 3:
      body.template operator()<3>();
      return true;
    case most_models_at_once:
      body.template operator()<most_models_at_once>();
      return true;
    default:
      return false;
  }
}

}  // namespace stockpot::methods
