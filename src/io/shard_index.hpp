// model.safetensors.index.json: which tensor is in which shard.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stockpot::io {

inline constexpr std::string_view shard_index_file_name = "model.safetensors.index.json";

struct ShardIndex {
  struct Shard {
    std::string file;                  ///< a plain file name
    std::vector<std::string> tensors;  ///< ascending
  };
  std::vector<Shard> shards;          ///< ascending by file
  std::optional<double> total_bytes;  ///< what the index claims; writers disagree about what it means
};

/// @param path  for messages.
/// @throws Error(corrupt_input): FMT002 for a shard that is no plain file name, FMT005, FMT011, FMT022.
ShardIndex parse_shard_index(std::string_view text, std::string_view path);

/// What is wrong with a file name that a file gave us, or nothing: no separators, no control characters, not "..".
std::optional<std::string> check_plain_file_name(std::string_view name);

}  // namespace stockpot::io
