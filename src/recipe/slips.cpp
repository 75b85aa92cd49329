#include "recipe/slips.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "core/utf8.hpp"
#include "recipe/number.hpp"
#include "recipe/text.hpp"

namespace stockpot::recipe {
namespace {

// What looks like a space or like nothing.
constexpr std::array<std::string_view, 21> odd_spaces{
    "\u00A0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008",
    "\u2009", "\u200A", "\u200B", "\u2028", "\u2029", "\u202F", "\u205F", "\u2060", "\u3000", "\uFEFF"};

/// Of a character of two or three bytes.
unsigned code_of(std::string_view character) {
  unsigned code = static_cast<unsigned char>(character[0]) & (character.size() == 2 ? 0x1Fu : 0x0Fu);
  for (const char c : character.substr(1)) code = code << 6 | (static_cast<unsigned char>(c) & 0x3Fu);
  return code;
}

/// The code of the first such character, or nothing.
std::optional<unsigned> odd_space_in(std::string_view text) {
  for (; !text.empty(); text.remove_prefix(std::max<std::size_t>(character_bytes(text), 1))) {
    const auto found =
        std::ranges::find_if(odd_spaces, [&](std::string_view space) { return text.starts_with(space); });
    if (found != odd_spaces.end()) return code_of(*found);
  }
  return std::nullopt;
}

bool says_nothing(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(" \t");
  return begin == line.npos || line[begin] == '#';
}

/// `base_model:org/base`: one word with a colon in it, which is no place on the web.
bool lacks_space_after_colon(std::string_view line) {
  std::string_view word = line.substr(std::min(line.find_first_not_of(" -"), line.size()));
  word = word.substr(0, word.find_first_of(" \t\r#"));
  const std::size_t colon = word.find(':');
  const std::string_view key = word.substr(0, colon);
  const bool is_key = std::ranges::all_of(key, [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
  return colon != word.npos && colon > 0 && colon + 1 < word.size() && !word.substr(colon).starts_with("://") && is_key;
}

/// What may be wrong with one line; "" if nothing is seen.
std::string line_help(std::string_view line, int number) {
  const std::string_view indentation = line.substr(0, line.find_first_not_of(" \t"));
  const std::string_view content = line.substr(indentation.size());
  if (content.starts_with("```") || content.starts_with("~~~"))
    return fmt::format("line {} is a mark of Markdown around the recipe, not a part of it: remove it", number);
  if (const std::string odd = odd_space_help(line); !odd.empty()) return fmt::format("line {}: {}", number, odd);
  if (indentation.find('\t') != indentation.npos)
    return fmt::format("line {} is indented with a tab: YAML takes spaces alone", number);
  if (lacks_space_after_colon(line)) return fmt::format("line {}: YAML wants a space after the colon", number);
  return "";
}

}  // namespace

std::string odd_space_help(std::string_view text) {
  const auto code = odd_space_in(text);
  return code ? fmt::format("there is a U+{:04X}{} in it, which YAML takes for a letter: write a usual space", *code,
                            *code == 0xA0 ? " (no-break space)" : "")
              : "";
}

std::string syntax_help(std::string_view text, Position at) {
  int number = at.line;
  for (int seen = 0; number > 0 && seen < 2; --number) {
    const std::string_view line = line_of(text, number);
    if (says_nothing(line)) continue;
    if (std::string help = line_help(line, number); !help.empty()) return help;
    ++seen;
  }
  return "";
}

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
