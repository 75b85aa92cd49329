// What a safetensors header says, before any of it is checked against another part: form, names and types only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.hpp"

namespace stockpot::io {

/// An entry of the header, as it was written.
struct SafetensorsEntry {
  TensorInfo info;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

struct SafetensorsEntries {
  std::vector<SafetensorsEntry> tensors;  ///< in the order of the text; names may repeat
  std::map<std::string, std::string> metadata;
  std::vector<std::string> warnings;
};

/// @throws Error(corrupt_input): FMT005, 021, 022, 023.
SafetensorsEntries read_safetensors_entries(std::string_view header, std::string_view path);

}  // namespace stockpot::io
