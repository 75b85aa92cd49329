// The output's tokens as files.
#pragma once

#include <string>
#include <string_view>

#include "tokenizer/output_tokens.hpp"

namespace stockpot::tokenizer {

struct TokenizerText {
  std::string text;
  bool changed = false;  ///< false: the donor's text, byte for byte
};

/// A tokenizer.json that gives every token its id when the library `tokenizers` loads it. That numbers tokens itself,
/// so the model's vocabulary gets the ids 0 ... n - 1 without gaps and the added tokens that are not in it follow: a
/// gap is filled with an entry that no text contains, or with the added token whose place it is.
/// @pre tokens.end() is of a size that one can afford; only a BPE tokenizer is stripped
TokenizerText tokenizer_text(const OutputTokens& tokens);

/// The donor's tokenizer_config.json; `added_tokens_decoder` is made anew if it is there.
/// @param without_model_file  the donor's *.model is left out: `add_prefix_space`, which has transformers 4 make the
///                            tokenizer of that file, goes.
/// @param path  of that file, for messages.   @throws Error(corrupt_input) FMT022 if it is not a JSON object.
std::string tokenizer_config_text(std::string_view config, const OutputTokens& tokens, bool without_model_file,
                                  std::string_view path);

}  // namespace stockpot::tokenizer
