// Output tensors to output shards: by names and sizes only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.hpp"

namespace stockpot::partition {

/// One output file and the tensors in it, in file order, data offsets from the start of the data section.
struct Shard {
  struct Entry {
    std::uint32_t tensor = 0;  ///< index into the plan's tensors
    std::uint64_t offset = 0;
  };
  std::string file_name;
  std::vector<Entry> entries;
  std::uint64_t data_bytes = 0;
};

/// Digit runs compare as numbers: layers.2 < layers.10. A strict weak order; names that differ never compare equal.
bool natural_less(std::string_view a, std::string_view b);

/// Walks the tensors in natural order of name and opens a new shard when adding one would exceed `shard_bytes` (0:
/// never). Inside a shard: element type rank descending, then name ascending bytewise. One shard is called
/// model.safetensors, several model-00001-of-00012.safetensors. No tensors: one empty shard.
std::vector<Shard> make_shards(std::span<const TensorInfo> tensors, std::uint64_t shard_bytes);

}  // namespace stockpot::partition
