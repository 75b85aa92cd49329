// The tokenizer and the chat template of one document's output.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "engine/model_shelf.hpp"
#include "tokenizer/output_tokenizer.hpp"

namespace stockpot::engine {

struct StageTokenizer {
  std::optional<tokenizer::OutputTokenizer> built;  ///< nothing: the anchor's files are copied
  std::optional<std::string> chat_template;
};

/// Local. Reads the tokenizer files of the document's models where the recipe asks for a tokenizer or a template.
/// @param models  of document.models(), in that order.   @param diagnostics  gets the TOK codes.
StageTokenizer plan_tokenizer(const recipe::MergeDocument& document, std::span<const ShelvedModel* const> models,
                              recipe::Diagnostics& diagnostics);

}  // namespace stockpot::engine
