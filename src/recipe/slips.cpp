#include "recipe/slips.hpp"

#include <fmt/format.h>

#include <string>

#include "recipe/number.hpp"

namespace stockpot::recipe {
bool is_decimal_comma(const Node::Member& before, const Node& key, const Node& value, Diagnostics& diagnostics) {
  if (!before.value.is_scalar() || before.value.quoted || key.quoted || !value.is_null()) return false;
  const std::string number = fmt::format("{},{}", before.value.text, key.text);
  const std::string help = decimal_point_help(number);
  if (help.empty()) return false;
  diagnostics.error(
      "CFG021", before.value.at,
      fmt::format("{}: {} is not a number: the comma ends the value", in_quotes(before.key), in_quotes(number)), help);
  return true;
}

}  // namespace stockpot::recipe
