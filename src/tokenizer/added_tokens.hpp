// Added tokens, found in texts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer_file.hpp"

namespace stockpot::tokenizer {

/// A part of a text: a token, or what lies between tokens.
struct TextPart {
  std::string_view text;
  std::optional<std::uint32_t> id;
};

/// Finds the leftmost token, of several that begin there the longest.
class AddedTokens {
 public:
  /// @throws NotEncodable for a token that is too long to be sought in reasonable time.
  void add(std::string text, const Token& token);
  /// Call once, after the last add().
  void finish();

  /// Cuts the text; parts without a token are not empty.
  std::vector<TextPart> split(std::string_view text) const;

 private:
  struct Entry {
    std::string text;
    std::uint32_t id = 0;
    TokenFlags flags;
  };
  const Entry* longest_at(std::string_view text) const;
  std::vector<Entry> entries_;  // ascending by text
};

}  // namespace stockpot::tokenizer
