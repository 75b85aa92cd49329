// The output's chat template.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "recipe/diagnostics.hpp"

namespace stockpot::tokenizer {

/// Where a model may say how a conversation becomes a text.
struct ModelTemplates {
  std::string directory;                        ///< for messages
  std::optional<std::string> jinja;             ///< text of chat_template.jinja; if it is there, it counts
  std::optional<std::string> tokenizer_config;  ///< text of tokenizer_config.json
};

/// What `chat_template:` asks for: the text itself, a built-in template by its name or, for "auto", the template that
/// most models have, the first of several such. White space around a model's template does not count, and is not taken
/// over. Reports TOK050 for a text that can be neither a name nor a template.
/// @param models  in the order of MergeDocument::models().
/// @return nothing if no model has a template, or after TOK050.
/// @throws Error(corrupt_input) FMT022 for a tokenizer_config.json that is not a JSON object.
std::optional<std::string> chat_template(const std::string& request, recipe::Position at,
                                         std::span<const ModelTemplates> models, recipe::Diagnostics& diagnostics);

/// A tokenizer_config.json with that template in it; all else stays as it is spelled.
/// @param config  "{}" if there is none.   @param path  of that file, for messages.
/// @throws Error(corrupt_input) FMT022 if it is not a JSON object.
std::string with_chat_template(std::string_view config, std::string_view text, std::string_view path);

}  // namespace stockpot::tokenizer
