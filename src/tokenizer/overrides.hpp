// Tokens whose row a recipe decides.
#pragma once

#include <vector>

#include "core/vocabulary.hpp"
#include "recipe/tokenizer_request.hpp"
#include "tokenizer/model_vocabularies.hpp"
#include "tokenizer/output_tokens.hpp"

namespace stockpot::tokenizer {

/// The entries that say more than the rule for any token does, ascending by id. Reports TOK030, TOK032, TOK033 and
/// TOK034.
std::vector<OutputVocabulary::Override> read_overrides(const std::vector<recipe::TokenRequest>& requests,
                                                       const ModelVocabularies& models, const OutputTokens& tokens,
                                                       recipe::Diagnostics& diagnostics);

}  // namespace stockpot::tokenizer
