// Whole small files: recipes, indexes, JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace stockpot::io {

/// Local. The bytes of a regular file. @throws Error(corrupt_input, FMT005) if it has more than `limit_bytes`.
std::string read_file(const std::string& path, std::uint64_t limit_bytes);

/// Local. Makes a file that must not exist yet; returns when its bytes are on storage.
void write_file(const std::string& path, std::string_view bytes);

/// Local. The same for a file that may exist: others see the old bytes or the new ones, whole.
void replace_file(const std::string& path, std::string_view bytes);

}  // namespace stockpot::io
