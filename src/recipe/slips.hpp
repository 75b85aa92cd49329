// Slips of the pen that YAML reads otherwise than they were meant.
#pragma once

#include "recipe/node.hpp"

namespace stockpot::recipe {

/// Whether a key without a value is what follows a decimal comma: `{weight: 0,5}` is a weight of 0 and a key '5'.
/// Reports that (CFG021).
/// @param before  the pair in front of it, in the same braces.
bool is_decimal_comma(const Node::Member& before, const Node& key, const Node& value, Diagnostics& diagnostics);

}  // namespace stockpot::recipe
