// Regular expressions of tokenizers, which are written for Oniguruma, by way of ICU.
//
// The two agree on most of what tokenizers use. What differs is translated (\s, which is White_Space for Oniguruma) or
// refused, so that no text is split in silence as its model never saw it split.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace stockpot::tokenizer {

/// A part of a text, and whether it is a match or lies between matches.
struct Span {
  std::string text;
  bool matches = false;
  bool operator==(const Span&) const = default;
};

/// Oniguruma's expression as ICU understands it. @throws NotEncodable for what has no sure counterpart.
std::string translated(std::string_view pattern);

class Expression {
 public:
  /// @throws NotEncodable
  explicit Expression(std::string_view pattern);
  ~Expression();
  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;

  /// The text cut at the matches, without empty parts. @throws NotEncodable for a match that takes too many steps.
  std::vector<Span> split(std::string_view text) const;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

/// The text cut at each place where `wanted` stands. @pre wanted is not empty
std::vector<Span> split_at(std::string_view text, std::string_view wanted);

}  // namespace stockpot::tokenizer
