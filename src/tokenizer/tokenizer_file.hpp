// A tokenizer.json, read for what a merge needs of it: which token has which id, and where in the text that is said.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tokenizer/json_slices.hpp"

namespace stockpot::tokenizer {

enum class TokenizerType { bpe, unigram, word_piece, word_level };

/// How an added token is found in a text.
struct TokenFlags {
  bool single_word = false;
  bool lstrip = false;
  bool rstrip = false;
  bool normalized = true;
  bool special = false;
  bool operator==(const TokenFlags&) const = default;
};

struct Token {
  std::string text;
  std::uint32_t id = 0;
  bool in_model = false;                 ///< an entry of the model's vocabulary
  std::optional<TokenFlags> added = {};  ///< as an added token, perhaps besides
  bool listed = false;                   ///< in the file's list of added tokens
};

/// An added token that another file names.
struct FurtherToken {
  std::string text;
  std::uint32_t id = 0;
  TokenFlags flags;
  bool operator==(const FurtherToken&) const = default;
};

/// Immutable once read. Refers to the text that it was read from, which must outlive it.
///
/// An added token does not have the id that the file gives it but the one that the library `tokenizers` gives it, since
/// models were trained through that: a token of the model's vocabulary has its id there; of the others, the k-th in the
/// order of the list has (entries of that vocabulary) + k. The library passes over empty and repeated ones. Where this
/// gives two tokens one id, the ids in the file count.
class TokenizerFile {
 public:
  /// @param path     for messages.
  /// @param further  ascending by id. Those that the file lacks are added tokens, too, if their ids follow.
  /// @throws Error(corrupt_input): what check_json() refuses; FMT005 for more than 2 million tokens; FMT022 for a text
  ///         that is no tokenizer; TOK005 for an id of 2^31 or more, or two tokens with one id.
  TokenizerFile(std::string_view text, std::string path, std::span<const FurtherToken> further = {});
  TokenizerFile(const TokenizerFile&) = delete;
  TokenizerFile& operator=(const TokenizerFile&) = delete;

  TokenizerType type() const { return type_; }
  /// All tokens, each text once, ascending by id. No two have the same id; ids may have gaps.
  const std::vector<const Token*>& tokens() const { return ascending_; }
  /// @return nullptr if there is no such token.
  const Token* find(std::string_view text) const;
  /// Entries of the model's vocabulary. Of a Unigram model the length of its list, in which texts may be repeated.
  std::uint64_t model_entries() const { return model_entries_; }
  struct Merge {
    std::string left, right, product;
  };
  /// @param merge  one of merges().   @throws Error(corrupt_input, FMT022) if it is no pair of tokens.
  Merge read_merge(JsonValue merge) const;
  /// Of a BPE model, as spelled in the file.
  const std::vector<JsonValue>& merges() const { return merges_; }
  /// Whether a merge's two parts and what it makes of them are tokens of the model's vocabulary for which `keep` holds.
  template <class Keep>
  bool merges_tokens(JsonValue merge, const Keep& keep) const;

  /// What seems wrong with the file but is as it is in the reference library, sentences for TOK005.
  const std::vector<std::string>& warnings() const { return warnings_; }
  const std::string& path() const { return path_; }

  std::string_view text() const { return text_; }
  JsonValue document() const { return document_; }
  /// The list of added tokens; nothing if the file has none.
  std::optional<JsonValue> added_list() const { return added_list_; }
  JsonValue vocabulary() const { return vocabulary_; }  ///< an object, or a Unigram model's array
  JsonValue merge_list() const { return merge_list_; }  ///< of a BPE model

 private:
  friend class TokenizerReader;

  std::string_view text_;
  std::string path_;
  JsonValue document_, vocabulary_, merge_list_;
  std::optional<JsonValue> added_list_;
  TokenizerType type_ = TokenizerType::bpe;
  std::string continuing_prefix_;  // a merge drops it from its second part
  std::uint64_t model_entries_ = 0;
  std::deque<Token> storage_;  // does not move them
  std::unordered_map<std::string_view, Token*> by_text_;
  std::vector<const Token*> ascending_;
  std::vector<JsonValue> merges_;
  std::vector<std::string> warnings_;
};

template <class Keep>
bool TokenizerFile::merges_tokens(JsonValue merge, const Keep& keep) const {
  const auto kept = [&](const std::string& text) {
    const Token* const token = find(text);
    return token != nullptr && token->in_model && keep(*token);
  };
  const Merge parts = read_merge(merge);
  return kept(parts.left) && kept(parts.right) && kept(parts.product);
}

}  // namespace stockpot::tokenizer
