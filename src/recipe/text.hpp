// The recipe as characters: whether it may go to the YAML parser at all, and where in it a byte stands.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "recipe/diagnostics.hpp"

namespace stockpot::recipe {

/// The text without a leading byte order mark.
std::string_view without_mark(std::string_view text);

/// The longest prefix of at most `characters` characters. @pre text is UTF-8.
std::string_view first_characters(std::string_view text, std::size_t characters);

/// A line, counted from 1, without its end; empty if there is none.
std::string_view line_of(std::string_view text, int line);

/// What an unknown word may have meant, if anything, and all that it could have been.
std::string help_with_all(const std::string& near, const std::string& all);

/// ASCII letters in lower case.
std::string lower_case(std::string_view text);

/// Checks size, UTF-8, control characters and the amount of YAML structure.
/// @throws Error(recipe) with CFG001.
void check_text(std::string_view text, Diagnostics& diagnostics);

/// Turns byte offsets into positions. Asked for offsets that lie near each other, it is fast.
class PositionFinder {
 public:
  /// @param text  UTF-8; must outlive this.
  explicit PositionFinder(std::string_view text) : text_(text) {}
  /// @param offset  bytes from the start; past the end means the end.
  Position at(std::size_t offset);

 private:
  void forward();
  void backward();
  std::string_view text_;
  std::size_t offset_ = 0;
  Position here_{1, 1};
};

}  // namespace stockpot::recipe
