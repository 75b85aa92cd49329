// Prompts of experts as tokens of the base model.
#pragma once

#include <optional>

#include "core/prompt_tokens.hpp"
#include "engine/model_shelf.hpp"

namespace stockpot::engine {

/// Local. Nothing if the document makes no rows from embeddings, or after MOE010 was reported: the base model's
/// tokenizer is missing, is of a kind that is not built in, or takes too long.
/// @throws Error(corrupt_input) for a tokenizer that cannot be read.
std::optional<PromptTokens> encode_prompts(const recipe::MergeDocument& document, const ShelvedModel& base,
                                           recipe::Diagnostics& diagnostics);

}  // namespace stockpot::engine
