// One safetensors file of a model: its header, checked, and where it came from.
#pragma once

#include <cstdint>
#include <string>

#include "core/catalogue.hpp"
#include "io/safetensors.hpp"

namespace stockpot::io {

struct ShardFile {
  StoredFile stored;
  std::uint64_t data_offset = 0;
  SafetensorsHeader header;
};

/// Local. Reads a file's header, no data byte.
/// @param real_path  what is opened.   @param shown  what messages call it: in a hub cache the real name is a hash.
/// @throws Error(corrupt_input) as parse_safetensors_header(), or with the class of another format that was recognised.
ShardFile read_shard(const std::string& real_path, const std::string& shown);

}  // namespace stockpot::io
