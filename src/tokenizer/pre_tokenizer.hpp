// How a tokenizer.json cuts a text into words.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tokenizer/deadline.hpp"
#include "tokenizer/expression.hpp"
#include "tokenizer/json_slices.hpp"

namespace stockpot::tokenizer {

struct Word {
  std::string text;
  bool first = false;  ///< it begins where the whole text does
};

/// Steps of the kinds that byte-level and metaspace tokenizers have: Split, ByteLevel, Metaspace, Digits, Punctuation.
class PreTokenizer {
 public:
  /// @param pre_tokenizer  of a tokenizer.json; may be null or absent.   @throws NotEncodable for other steps.
  explicit PreTokenizer(std::optional<JsonValue> pre_tokenizer);

  /// @throws NotEncodable for an expression that takes too long.
  std::vector<Word> apply(Word text, const Deadline& deadline) const;

 private:
  using Step = std::function<void(const Word& in, std::vector<Word>& out)>;
  void add(JsonValue pre_tokenizer);
  void add_split(JsonValue split);
  void add_byte_level(JsonValue byte_level);
  void add_metaspace(JsonValue metaspace);
  void add_expression(const std::string& pattern, const std::string& behavior);
  std::vector<Step> steps_;
};

/// What becomes of the spans of a split: which of them are joined, and which are dropped. @throws NotEncodable
std::vector<Span> joined(std::vector<Span> spans, const std::string& behavior);

/// The printable characters that stand for bytes in byte-level vocabularies.
std::string byte_level(const std::string& text);

}  // namespace stockpot::tokenizer
