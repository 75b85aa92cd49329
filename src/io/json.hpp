// JSON side files of a checkpoint, such as config.json: whole, in their order of keys, within limits.
//
// For files whose objects have few keys. An index, a header or a vocabulary has hundreds of thousands of them and needs
// a reader of its own (json_events.hpp).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace stockpot::io {

inline constexpr std::uint64_t max_json_bytes = std::uint64_t{256} << 20;
inline constexpr std::size_t max_json_depth = 64;

/// How many keys one object may have where they are looked up one by one.
inline constexpr std::size_t max_json_keys = 16'384;

/// Local. Reads the text without keeping anything. @throws Error as parse_json, but for an object of more than `max_keys`.
void check_json_size(std::string_view text, std::string_view path, std::string_view code,
                     std::size_t max_keys = max_json_keys);

/// Of two equal keys the last one counts. Infinity, -Infinity and NaN, as Python writes them, are texts that nobody asks for.
/// @param path  for messages.   @param code  the class of an error in the text, such as ARC001.
/// @throws Error(corrupt_input): FMT005 if it nests deeper than 64 levels, an object has more than 16,384 keys or
///         the text more than 4 million values; FMT021 if it is not UTF-8.
nlohmann::ordered_json parse_json(std::string_view text, std::string_view path, std::string_view code);

/// Local. The same of a file of at most 256 MiB.
nlohmann::ordered_json read_json(const std::string& path, std::string_view code);

}  // namespace stockpot::io
