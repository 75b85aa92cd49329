#include "io/crc32.hpp"

#include <zlib.h>

namespace stockpot::io {

std::uint32_t crc32(std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

std::uint32_t combined_crc32(std::uint32_t left, std::uint32_t right, std::uint64_t right_bytes) {
  return static_cast<std::uint32_t>(::crc32_combine64(left, right, static_cast<off64_t>(right_bytes)));
}

}  // namespace stockpot::io
