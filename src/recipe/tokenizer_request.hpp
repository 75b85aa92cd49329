// What a recipe says of the output's tokenizer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recipe/model_reference.hpp"

namespace stockpot::recipe {

/// What may stand before the model that gives the tokenizer, and is not part of its name.
constexpr std::string_view tokenizer_model_prefix = "model:";

/// One entry of `tokens:`.
struct TokenRequest {
  enum class Source {
    by_models,   ///< as for any other token
    zero,        ///< a row of zeros
    model,       ///< the row that `model` has for this token
    model_token  ///< the row that `model` has for another token, by text or by id
  };
  std::string text;  ///< of the token, literally
  Source source = Source::by_models;
  std::optional<ModelReference> model = {};
  std::optional<std::string> token = {};  ///< model_token: exactly one of these two
  std::optional<std::uint64_t> token_id = {};
  bool force = false;
  Position at;
};

/// `tokenizer:`, or `tokenizer_source:` as its short form.
struct TokenizerRequest {
  enum class Source { union_of_all, base, model };
  Source source = Source::union_of_all;
  std::optional<ModelReference> model = {};  ///< Source::model only
  std::vector<TokenRequest> tokens = {};     ///< in document order, each text once
  std::uint64_t pad_to_multiple_of = 1;      ///< at least 1
  Position at;
};

/// Reads the value of `tokenizer:`. Reports CFG005, CFG006, CFG020, CFG021, TOK020 and TOK031.
std::optional<TokenizerRequest> read_tokenizer(const Node& node, Diagnostics& diagnostics);
/// Reads the value of `tokenizer_source:`: "union", "base" or a model, perhaps after "model:".
std::optional<TokenizerRequest> read_tokenizer_source(const Node& node, Diagnostics& diagnostics);

}  // namespace stockpot::recipe
