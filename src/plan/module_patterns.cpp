#include "plan/module_patterns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/error.hpp"
#include "core/expression.hpp"

namespace stockpot::plan {
namespace {

constexpr std::size_t nowhere = std::numeric_limits<std::size_t>::max();

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  });
}

[[noreturn]] void refuse(std::string_view key, std::string sentence) {
  throw Error(ErrorKind::corrupt_input, std::move(sentence)).code("REF021").with("pattern", key);
}

std::size_t place_in(const std::unordered_map<std::string, std::size_t>& places, std::string_view text) {
  const auto found = places.find(std::string(text));
  return found == places.end() ? nowhere : found->second;
}

}  // namespace

ModulePatterns::ModulePatterns(const std::vector<std::string>& keys) {
  for (std::size_t place = 0; place < keys.size(); ++place) {
    const std::string_view key = keys[place];
    if (key.starts_with('^') && is_plain(key.substr(1))) {
      whole_.emplace(key.substr(1), place);
    } else if (is_plain(key)) {
      endings_.emplace(key, place);
    } else {
      add_expression(keys[place], place);
    }
  }
}

void ModulePatterns::add_expression(const std::string& key, std::size_t place) {
  if (expressions_.size() == max_expressions) {
    refuse(key, fmt::format("the adapter has more than {} regular expressions for modules", max_expressions));
  }
  if (key.size() > max_expression_bytes) {
    refuse(key.substr(0, 40), fmt::format("a pattern is longer than {} bytes", max_expression_bytes));
  }
  if (key.find('{') != key.npos) refuse(key, "counted repetition is not supported in patterns");
  try {
    expressions_.emplace_back(bounded_regex("^(.*\\.)?(" + key + ")$"), place);
  } catch (const std::regex_error& error) {
    refuse(key, fmt::format("a pattern is no regular expression that is supported: {}", error.what()));
  }
}

std::optional<std::size_t> ModulePatterns::first_match(std::string_view path) const {
  if (path.size() > max_path_bytes) refuse(path.substr(0, 40), "the path of a module is too long");
  std::size_t first = std::min(place_in(whole_, path), place_in(endings_, path));
  for (std::size_t at = 0; !endings_.empty() && (at = path.find('.', at)) != path.npos;) {
    first = std::min(first, place_in(endings_, path.substr(++at)));
  }
  for (const auto& [expression, place] : expressions_) {
    if (place >= first) break;
    if (std::regex_match(path.begin(), path.end(), expression)) first = place;
  }
  return first == nowhere ? std::nullopt : std::optional(first);
}

}  // namespace stockpot::plan
