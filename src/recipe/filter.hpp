// Filters: which tensor names a value is for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stockpot::recipe {

/// A filter, ready to be tried on many names. As text: "" and "*" match every name; "re:..." is an ECMAScript
/// expression searched in the name, "glob:..." a shell pattern for the whole name, "layers:A-B,C" matches layer
/// numbers, bounds included; anything else is a substring, case-sensitive.
class Filter {
 public:
  /// @throws Error(recipe) that says what is wrong with the text.
  explicit Filter(std::string text);
  bool matches(std::string_view tensor_name) const;
  const std::string& text() const { return text_; }
  bool is_for_all() const { return kind_ == Kind::everything; }

 private:
  enum class Kind { everything, substring, expression, glob, layers };
  void read_layers(std::string_view list);

  std::string text_;
  Kind kind_ = Kind::substring;
  std::string pattern_;  ///< what follows the prefix
  std::shared_ptr<const std::regex> expression_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> layers_;  ///< first and last
};

/// What a regular expression unfolds to at most, in characters: its length times each of its repetition counts.
std::uint64_t unfolded_characters(std::string_view expression);

/// Whether a filter matches a tensor name. For many names make a Filter once. @pre the filter passed check_filter().
bool filter_matches(std::string_view filter, std::string_view tensor_name);
/// @return what is wrong with a filter, or nothing.
std::optional<std::string> check_filter(std::string_view filter);

}  // namespace stockpot::recipe
