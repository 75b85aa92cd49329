#include "recipe/filter.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <charconv>

#include "core/error.hpp"
#include "core/expression.hpp"

namespace stockpot::recipe {
namespace {

// Expressions are compiled by recursion over their text, so its length is what bounds the stack.
constexpr std::size_t max_filter_bytes = 1000;
// A repetition such as {500} is compiled into as many copies.
constexpr std::uint64_t max_unfolded = 20'000;

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// The first of the name's components, split at dots, that is a number.
std::optional<std::uint64_t> layer_number(std::string_view name) {
  while (true) {
    const std::size_t dot = name.find('.');
    if (const auto number = whole_number(name.substr(0, dot))) return number;
    if (dot == std::string_view::npos) return std::nullopt;
    name.remove_prefix(dot + 1);
  }
}

std::shared_ptr<const std::regex> compile(const std::string& pattern) {
  if (unfolded_characters(pattern) > max_unfolded) throw Error(ErrorKind::recipe, "its repetitions unfold to too much");
  try {
    return std::make_shared<const std::regex>(bounded_regex(pattern));
  } catch (const std::regex_error& error) {
    const bool refers = error.code() == std::regex_constants::error_complexity;
    throw Error(ErrorKind::recipe, refers ? "back references such as '\\1' are not supported: they may take for ever"
                                          : fmt::format("it is no regular expression: {}", error.what()));
  }
}

void check_glob(std::string_view pattern) {
  if (pattern.empty()) throw Error(ErrorKind::recipe, "the pattern after 'glob:' is empty");
  const std::size_t open = pattern.rfind('[');
  if (open != std::string_view::npos && pattern.find(']', open + 1) == std::string_view::npos) {
    throw Error(ErrorKind::recipe, "a '[' of the pattern is not closed");
  }
}

}  // namespace

Filter::Filter(std::string text) : text_(std::move(text)) {
  if (text_.size() > max_filter_bytes) {
    throw Error(ErrorKind::recipe, fmt::format("it is longer than {} bytes", max_filter_bytes));
  }
  const std::string_view view = text_;
  pattern_ = view.substr(view.find(':') + 1);
  if (view.empty() || view == "*") {
    kind_ = Kind::everything;
  } else if (view.starts_with("re:")) {
    kind_ = Kind::expression;
    expression_ = compile(pattern_);
  } else if (view.starts_with("glob:")) {
    kind_ = Kind::glob;
    check_glob(pattern_);
  } else if (view.starts_with("layers:")) {
    kind_ = Kind::layers;
    read_layers(pattern_);
  }
}

void Filter::read_layers(std::string_view list) {
  for (bool more = true; more;) {
    const std::size_t comma = list.find(',');
    const std::string_view item = list.substr(0, comma);
    const std::size_t dash = item.find('-');
    const auto first = whole_number(item.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : whole_number(item.substr(dash + 1));
    if (!first || !last) throw Error(ErrorKind::recipe, "layers are written like 'layers:0-3,7'");
    if (*first > *last) throw Error(ErrorKind::recipe, fmt::format("layers {}-{} run backwards", *first, *last));
    layers_.emplace_back(*first, *last);
    more = comma != std::string_view::npos;
    if (more) list.remove_prefix(comma + 1);
  }
}

bool Filter::matches(std::string_view tensor_name) const {
  switch (kind_) {
    case Kind::everything:
      return true;
    case Kind::substring:
      return tensor_name.find(text_) != std::string_view::npos;
    case Kind::expression:
      return std::regex_search(tensor_name.begin(), tensor_name.end(), *expression_);
    case Kind::glob:
      return fnmatch(pattern_.c_str(), std::string(tensor_name).c_str(), 0) == 0;
    case Kind::layers:
      break;
  }
  const auto layer = layer_number(tensor_name);
  return layer && std::any_of(layers_.begin(), layers_.end(),
                              [&](const auto& range) { return *layer >= range.first && *layer <= range.second; });
}

std::uint64_t unfolded_characters(std::string_view expression) {
  constexpr std::uint64_t most = std::uint64_t{1} << 32;
  std::uint64_t characters = expression.size();
  for (std::size_t open = expression.find('{'); open != expression.npos; open = expression.find('{', open + 1)) {
    const std::string_view counts = expression.substr(open + 1, expression.find('}', open) - open - 1);
    const std::size_t comma = counts.find(',');
    const auto least = whole_number(counts.substr(0, comma));
    const auto greatest = comma == counts.npos ? least : whole_number(counts.substr(comma + 1));
    const std::uint64_t count = std::max(least.value_or(1), greatest.value_or(1));
    characters = count > most / (characters + 1) ? most : characters * std::max<std::uint64_t>(count, 1);
  }
  return characters;
}

bool filter_matches(std::string_view filter, std::string_view tensor_name) {
  return Filter(std::string(filter)).matches(tensor_name);
}

std::optional<std::string> check_filter(std::string_view filter) {
  try {
    Filter{std::string(filter)};
    return std::nullopt;
  } catch (const Error& error) {
    return error.sentence();
  }
}

}  // namespace stockpot::recipe
