// Slips of the pen that YAML reads otherwise than they were meant, or cannot read.
#pragma once

#include <string>
#include <string_view>

#include "recipe/node.hpp"

namespace stockpot::recipe {

/// Whether a key without a value is what follows a decimal comma: `{weight: 0,5}` is a weight of 0 and a key '5'.
/// Reports that (CFG021).
/// @param before  the pair in front of it, in the same braces.
bool is_decimal_comma(const Node::Member& before, const Node& key, const Node& value, Diagnostics& diagnostics);

/// Help for a text with a space that is none to YAML, such as U+00A0; "" for any other.
std::string odd_space_help(std::string_view text);

/// What may have made a syntax error at this place, by its line and the one before that says something: a tab or an odd
/// space, a line of Markdown, no space after a colon. "" if there is nothing of that kind.
std::string syntax_help(std::string_view text, Position at);

}  // namespace stockpot::recipe
