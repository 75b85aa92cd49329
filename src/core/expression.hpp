// Regular expressions from strangers.
#pragma once

#include <regex>
#include <string>

namespace stockpot {

/// An ECMAScript expression whose matching takes time that grows with text times expression, where the default engine
/// may need exponential time; the price is that it knows no back references. This is an extension of libstdc++; another
/// library would have to bring its own bound. Compiling recurses over the pattern: callers bound its length.
/// @throws std::regex_error
inline std::regex bounded_regex(const std::string& pattern) {
  return std::regex(pattern, std::regex_constants::ECMAScript | std::regex_constants::__polynomial);
}

}  // namespace stockpot
