// The safetensors header: bytes to a list of tensors and back, on plain buffers. No file is touched here.
//
// A file is 8 bytes of header length N (little-endian), N bytes of JSON, and the tensors' data, which must fill the
// rest without holes, overlaps or trailing bytes. Headers come from strangers: whatever the reference implementation
// rejects is rejected, and a name given twice as well, because two readers could see two different files in it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.hpp"

namespace stockpot::io {

inline constexpr std::uint64_t max_safetensors_header_bytes = 100'000'000;

/// A tensor and its place, counted from the start of the data section.
struct PlacedTensor {
  TensorInfo info;
  std::uint64_t offset = 0;
};

struct SafetensorsHeader {
  std::vector<PlacedTensor> tensors;  ///< ascending by offset
  std::map<std::string, std::string> metadata;
  std::vector<std::string> warnings;
};

/// Length N of the header. @param first  the first bytes of the file, 8 or fewer if it is that short.
/// @param path  for messages, as everywhere below.   @throws Error(corrupt_input, FMT020)
std::uint64_t safetensors_header_bytes(std::string_view first, std::uint64_t file_bytes, std::string_view path);

/// @param header      the N bytes after the length.   @param data_bytes  what the file holds after them.
/// @throws Error(corrupt_input) with the classes of docs/formats.md: FMT005, 006, 011, 021 to 027.
SafetensorsHeader parse_safetensors_header(std::string_view header, std::uint64_t data_bytes, std::string_view path);

/// Length and header of a file, padded with spaces such that data starts at a multiple of 4096: only the start of data
/// can be aligned, holes between tensors are illegal. Metadata gets "format": "pt", which readers ask for, if it has no
/// format.
/// @param tensors  in file order, offsets as they will be.
std::string write_safetensors_header(const std::vector<PlacedTensor>& tensors,
                                     std::map<std::string, std::string> metadata);

}  // namespace stockpot::io
