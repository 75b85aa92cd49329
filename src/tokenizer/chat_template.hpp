// The chat template of an output.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "recipe/diagnostics.hpp"

namespace stockpot::tokenizer {

/// What a model says of its template: texts of files, nothing where there is no such file.
struct ModelTemplates {
  std::string model;  ///< for messages
  std::optional<std::string> chat_template_jinja, tokenizer_config;
};

/// The template that a recipe asks for: "auto" (the one that most models have, of several the first), the name of a
/// built-in one, or Jinja.
/// @return nothing if no model has one, or after an error was reported (TOK050).
/// @throws Error(corrupt_input) for a tokenizer_config.json that is no JSON object, and a template that is not UTF-8.
std::optional<std::string> chat_template(const std::string& request, recipe::Position at,
                                         std::span<const ModelTemplates> models, recipe::Diagnostics& diagnostics);

}  // namespace stockpot::tokenizer
