// The checksum of zip files, also of parts that somebody else has read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace stockpot::io {

std::uint32_t crc32(std::span<const std::byte> bytes);

/// Of two runs of bytes that follow each other. @param right_bytes  how many the second has.
std::uint32_t combined_crc32(std::uint32_t left, std::uint32_t right, std::uint64_t right_bytes);

}  // namespace stockpot::io
