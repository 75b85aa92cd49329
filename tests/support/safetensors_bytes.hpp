// Safetensors files made by hand, so that tests do not depend on our writer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace stockpot::test {

/// Eight bytes, little-endian.
inline std::string length_bytes(std::uint64_t length) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(length >> (8 * i) & 0xFF);
  return bytes;
}

/// A file of this header and so many data bytes: 0, 1, 2 ...
inline std::string safetensors_bytes(std::string_view header, std::size_t data_bytes) {
  std::string file = length_bytes(header.size());
  file += header;
  for (std::size_t i = 0; i < data_bytes; ++i) file += static_cast<char>(i);
  return file;
}

/// A file of U8 tensors of 4 bytes each: {"a", "b"}.
template <class Names>
std::string u8_tensors(const Names& names) {
  std::string header = "{";
  std::size_t end = 0;
  for (const auto& name : names) {
    header += end == 0 ? "\"" : ",\"";
    header += name;
    header += "\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[";
    header += std::to_string(end);
    end += 4;
    header += ',';
    header += std::to_string(end);
    header += "]}";
  }
  header += '}';
  return safetensors_bytes(header, end);
}
inline std::string u8_tensors(std::initializer_list<const char*> names) {
  return u8_tensors<std::initializer_list<const char*>>(names);
}

}  // namespace stockpot::test
