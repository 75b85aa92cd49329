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

/// What memory and time bound, beside the bytes.
struct JsonLimits {
  std::size_t keys = 16'384;       ///< of one object: they are looked up one by one
  std::size_t values = 4'000'000;  ///< of the whole text: each takes far more memory than its letters
};

/// Local. Reads the text without keeping anything. @throws Error as parse_json.
void check_json_size(std::string_view text, std::string_view path, std::string_view code,
                     const JsonLimits& limits = {});

/// Of two equal keys the last one counts. Infinity, -Infinity and NaN, as Python writes them, are texts that nobody asks for.
/// @param path  for messages.   @param code  the class of an error in the text, such as ARC001.
/// @throws Error(corrupt_input): FMT005 if it nests deeper than 64 levels, or exceeds `limits`; FMT021 if it is not UTF-8.
nlohmann::ordered_json parse_json(std::string_view text, std::string_view path, std::string_view code,
                                  const JsonLimits& limits = {});

/// Local. The same of a file of at most 256 MiB.
nlohmann::ordered_json read_json(const std::string& path, std::string_view code);

}  // namespace stockpot::io
