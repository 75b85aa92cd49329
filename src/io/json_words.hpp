// Infinity, -Infinity and NaN, which Python's json module writes and reads although JSON has no such numbers: some models'
// config.json and tokenizer_config.json have them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stockpot::io {

/// A text in which each of these words, outside of strings, became a string of the same length, a stand-in, for parsers of JSON
/// proper. Offsets stay. Nothing if it has no such words.
std::optional<std::string> with_stand_ins(std::string_view text);

/// The word that a string of such a text stands for, if it does.
std::optional<std::string_view> word_of_stand_in(std::string_view text);

}  // namespace stockpot::io
