// Numbers as YAML 1.1 writes them, which is what mergekit's recipes are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stockpot::recipe {

/// What a scalar says.
struct ReadNumber {
  enum class Kind {
    number,      ///< `value` holds it; booleans are 1 and 0
    text,        ///< none of the others
    base_60,     ///< "12:30", which YAML 1.1 reads as 750
    too_large,   ///< for a double: 1e400
    non_finite,  ///< .inf, -.inf, .nan
  };
  Kind kind = Kind::text;
  double value = 0.0;
};

/// Reads a scalar. Plain ones may be 1_000, 0x10, 0b11, 0o17, 017 (octal), 1e5, .5, .inf and the words of booleans;
/// quoted ones decimal numbers ("010" is 10) and the words of booleans.
ReadNumber read_number(std::string_view text, bool quoted);

/// A whole number, exact up to 2^64 - 1; integral forms such as 2.0 and 1e3 too. Nothing: it is none, or does not fit.
std::optional<std::uint64_t> read_unsigned(std::string_view text, bool quoted);

/// What to write instead of a number with a decimal comma ("0,5"); "" for any other text.
std::string decimal_point_help(std::string_view text);

/// true, yes, on and false, no, off in any case.
std::optional<bool> read_boolean_word(std::string_view text);

}  // namespace stockpot::recipe
