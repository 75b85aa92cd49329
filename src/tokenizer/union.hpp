// Tokens of other models, appended to the base tokenizer's.
#pragma once

#include "recipe/tokenizer_request.hpp"
#include "tokenizer/model_vocabularies.hpp"
#include "tokenizer/output_tokens.hpp"

namespace stockpot::tokenizer {

/// An ordinary token that is appended is found as it stands, before the tokenizer's own rules: merges are not merged.
inline constexpr TokenFlags ordinary_flags{};

/// Appends what the models that take part have and `tokens` lacks: first the ordinary tokens of all models, then their
/// added tokens; each time in the order of the models, ascending by id. Reports TOK005, TOK010 and TOK011.
void append_union(const ModelVocabularies& models, recipe::Position at, OutputTokens& tokens,
                  recipe::Diagnostics& diagnostics);

/// Appends the tokens that a recipe names and `tokens` lacks, with the flags of the first model that has one of them as
/// an added token. Reports TOK005.
void append_requested(const std::vector<recipe::TokenRequest>& requests, const ModelVocabularies& models,
                      OutputTokens& tokens, recipe::Diagnostics& diagnostics);

}  // namespace stockpot::tokenizer
