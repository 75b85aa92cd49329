#include <fmt/format.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "io/safetensors.hpp"

namespace stockpot::io {
namespace {

constexpr std::size_t alignment = 4096;

/// Quoted, as the reference does it: only quotes, backslashes and control characters are escaped.
std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

void append_metadata(std::string& json, const std::map<std::string, std::string>& metadata) {
  json += "\"__metadata__\":{";
  const char* separator = "";
  for (const auto& [key, text] : metadata) {
    json += fmt::format("{}{}:{}", separator, quoted(key), quoted(text));
    separator = ",";
  }
  json += '}';
}

void append_tensor(std::string& json, const PlacedTensor& tensor) {
  json += fmt::format(",{}:{{\"dtype\":\"{}\",\"shape\":[", quoted(tensor.info.name), name(tensor.info.dtype));
  const char* separator = "";
  for (const std::uint64_t extent : tensor.info.shape) {
    json += fmt::format("{}{}", separator, extent);
    separator = ",";
  }
  json += fmt::format("],\"data_offsets\":[{},{}]}}", tensor.offset, tensor.offset + tensor.info.bytes());
}

}  // namespace

std::string write_safetensors_header(const std::vector<PlacedTensor>& tensors,
                                     std::map<std::string, std::string> metadata) {
  metadata.try_emplace("format", "pt");
  std::uint64_t header_bytes = 0;
  std::string file(sizeof header_bytes, '\0');
  file += '{';
  append_metadata(file, metadata);
  for (const PlacedTensor& tensor : tensors) append_tensor(file, tensor);
  file += '}';
  file.append((alignment - file.size() % alignment) % alignment, ' ');
  header_bytes = file.size() - sizeof header_bytes;
  if (header_bytes > max_safetensors_header_bytes) {
    throw Error(ErrorKind::limits, fmt::format("an output shard needs a header of {} bytes, readers accept {}",
                                               header_bytes, max_safetensors_header_bytes))
        .code("FMT005")
        .hint("make smaller shards");
  }
  std::memcpy(file.data(), &header_bytes, sizeof header_bytes);
  return file;
}

}  // namespace stockpot::io
