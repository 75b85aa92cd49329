// Texts to tokens, as the library `tokenizers` makes them of the same tokenizer.json without adding special tokens.
//
// Byte-level tokenizers (GPT-2, Llama 3, Qwen 2) and metaspace ones (Llama 2, Mistral), both by byte pairs. Nothing else:
// a model's prompts must become the tokens that it was trained on, or none.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizer/added_tokens.hpp"
#include "tokenizer/bpe.hpp"
#include "tokenizer/normalizer.hpp"
#include "tokenizer/pre_tokenizer.hpp"
#include "tokenizer/tokenizer_file.hpp"

namespace stockpot::tokenizer {

class Encoder {
 public:
  /// @param file  must outlive this.   @throws NotEncodable for a tokenizer of another kind.
  explicit Encoder(const TokenizerFile& file);

  /// Adds the text's tokens to `ids`. Tokens that stand in the text are found. Truncation and padding, which a tokenizer.json may ask for, are not done.
  /// @param text  UTF-8.   @throws NotEncodable for a text that takes too long.
  void encode(std::string_view text, const Deadline& deadline, std::vector<std::uint32_t>& ids) const;

 private:
  void encode_plain(std::string_view text, bool first, const Deadline& deadline, std::vector<std::uint32_t>& ids) const;

  Normalizer normalizer_;
  PreTokenizer pre_tokenizer_;
  Bpe bpe_;
  AddedTokens verbatim_, normalized_;
};

}  // namespace stockpot::tokenizer
