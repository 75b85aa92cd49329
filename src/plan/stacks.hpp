// Which containers of tensor names are stacks of layers, and which number of config.json speaks of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/catalogue.hpp"

namespace stockpot::plan {

/// The layers of one container.
struct Stack {
  std::string container;
  std::uint64_t layers = 0;
  std::uint64_t first_index = 0;  ///< of layer 0: 1 where the container's first entry is no layer
  std::size_t digits = 1;         ///< indices are written with at least so many
  std::string count_key;          ///< of config.json, with its path: "text_config.num_hidden_layers"; may be empty
  std::size_t names = 0;          ///< tensors of the container
};

/// @param names  distinct, in any order.   @return ascending by container.
std::vector<Stack> find_stacks(std::span<const std::string_view> names, const ModelConfig& config);

/// The language model's: linked to a count that belongs to nothing else, else one that no word calls another's; of
/// several the one with most tensors. @return an index, or nothing if there are no stacks.
std::optional<std::size_t> find_primary(std::span<const Stack> stacks);

}  // namespace stockpot::plan
