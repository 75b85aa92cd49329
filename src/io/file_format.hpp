// What a weight file is, by its content; what a model folder is, by the names in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/byte_source.hpp"

namespace stockpot::io {

/// A format that was recognised but cannot be read.
struct ForeignFormat {
  std::string_view code;  ///< FMT001, FMT040 ...
  std::string_view what;  ///< "a GGUF file"
  std::string_view hint;
};

/// Whether a file can be a safetensors file: a header length that fits, and an object after it.
bool looks_like_safetensors(const ByteSource& source);

/// Recognises other formats by their first bytes (HDF5: also further on).
/// @return nothing if the bytes say nothing.
std::optional<ForeignFormat> recognise_file(const ByteSource& source);

/// Recognises folders of other layouts by a file that only such a folder has, whatever safetensors files of other names lie beside it.
/// @param names  what is in the folder, ascending.
std::optional<ForeignFormat> recognise_layout(const std::vector<std::string>& names);

/// Says what a folder without files that are read may be.
std::optional<ForeignFormat> recognise_leftovers(const std::vector<std::string>& names);

}  // namespace stockpot::io
