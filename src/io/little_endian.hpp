// Unsigned numbers in the byte order of most file formats, at any byte.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace stockpot::io {

/// The `width` bytes at `offset`, the lowest first. @pre they are there; width is at most 8.
inline std::uint64_t little_endian(std::string_view bytes, std::size_t offset, std::size_t width) {
  assert(width <= 8 && offset <= bytes.size() && width <= bytes.size() - offset);
  std::uint64_t value = 0;
  for (std::size_t i = width; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return value;
}

/// Appends the `width` lowest bytes of a number. @pre width is at most 8.
inline void append_little_endian(std::string& bytes, std::uint64_t value, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
}

}  // namespace stockpot::io
