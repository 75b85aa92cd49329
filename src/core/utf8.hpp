// Strict UTF-8: no overlong forms, no surrogates, nothing beyond U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace stockpot {

/// Bytes of the character at the start of `text`; 0 if there is none. Source: Unicode 15, table 3-7.
std::size_t character_bytes(std::string_view text);

bool is_utf8(std::string_view text);

}  // namespace stockpot
