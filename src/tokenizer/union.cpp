#include "tokenizer/union.hpp"

#include <fmt/format.h>

#include <string_view>
#include <unordered_set>
#include <vector>

namespace stockpot::tokenizer {
namespace {

using recipe::Diagnostics;
using recipe::in_quotes;
using recipe::Position;

bool is_other(const ModelVocabularies& models, std::size_t model) {
  return model != models.anchor() && models.has_own(model) && models.model(model).takes_part;
}

/// What cannot be taken over, and how much of the rest is there already.
void report_overlap(const ModelVocabularies& models, std::size_t model, const OutputTokens& base, Position at,
                    Diagnostics& diagnostics) {
  const std::size_t beyond = models.report_rowless(model, at, diagnostics);
  std::size_t empty = 0, shared = 0;
  const auto& tokens = models.of(model).tokens();
  for (const Token* token : tokens) {
    if (token->id >= models.limit(model)) break;
    if (token->text.empty()) ++empty;
    if (base.find(token->text)) ++shared;
  }
  const std::string name = in_quotes(models.model(model).model);
  if (empty > 0 && !base.find("")) {
    diagnostics.warn("TOK005", at, fmt::format("model {} has a token without text: it is left out", name));
  }
  if (2 * shared < tokens.size() - beyond) {
    diagnostics.warn("TOK011", at,
                     fmt::format("the base tokenizer has only {} of the {} tokens of model {}", shared,
                                 tokens.size() - beyond, name),
                     "the others are appended and found as they stand only; their embeddings come from few models");
  }
}

using Texts = std::unordered_set<std::string_view>;

void append_ordinary(const ModelVocabularies& models, std::size_t model, OutputTokens& tokens, Texts& appended) {
  for (const Token* token : models.of(model).tokens()) {
    if (token->added || token->id >= models.limit(model) || token->text.empty()) continue;
    if (tokens.find(token->text)) continue;
    tokens.append(token->text, ordinary_flags);
    appended.insert(token->text);
  }
}

/// TOK010 for some of a model's added tokens.
void report_flags(const ModelVocabularies& models, std::size_t model, const std::vector<std::string_view>& tokens,
                  std::string_view what, std::string_view outcome, Position at, Diagnostics& diagnostics) {
  if (tokens.empty()) return;
  diagnostics.warn(
      "TOK010", at,
      fmt::format("model {} defines {} added token(s) {}, the first is {}: {}", in_quotes(models.model(model).model),
                  tokens.size(), what, in_quotes(tokens.front()), outcome));
}

/// @param ordinary_so_far  tokens that were appended as ordinary ones, and that no model had as added ones yet.
void append_added(const ModelVocabularies& models, std::size_t model, OutputTokens& tokens, Texts& ordinary_so_far,
                  Position at, Diagnostics& diagnostics) {
  std::vector<std::string_view> differing, ordinary;
  for (const Token* token : models.of(model).tokens()) {
    if (!token->added || token->id >= models.limit(model)) continue;
    const auto known = tokens.find(token->text);
    if (!known) {
      tokens.append(token->text, *token->added);
    } else if (!known->added || ordinary_so_far.erase(token->text) > 0) {
      if (known->added != token->added) ordinary.push_back(token->text);
      tokens.promote(token->text, *token->added);
    } else if (known->added != token->added) {
      differing.push_back(token->text);
    }
  }
  report_flags(models, model, differing, "with other flags than a model before it", "the first definition counts", at,
               diagnostics);
  report_flags(models, model, ordinary, "that are ordinary ones of another model", "they become added tokens", at,
               diagnostics);
}

TokenFlags first_flags(const ModelVocabularies& models, std::string_view text) {
  for (std::size_t m = 0; m < models.size(); ++m) {
    const Token* const token = models.of(m).find(text);
    if (token != nullptr && token->added) return *token->added;
  }
  return ordinary_flags;
}

}  // namespace

void append_union(const ModelVocabularies& models, Position at, OutputTokens& tokens, Diagnostics& diagnostics) {
  for (std::size_t m = 0; m < models.size(); ++m) {
    if (is_other(models, m)) report_overlap(models, m, tokens, at, diagnostics);
  }
  Texts ordinary;
  for (std::size_t m = 0; m < models.size(); ++m) {
    if (is_other(models, m)) append_ordinary(models, m, tokens, ordinary);
  }
  for (std::size_t m = 0; m < models.size(); ++m) {
    if (is_other(models, m)) append_added(models, m, tokens, ordinary, at, diagnostics);
  }
}

void append_requested(const std::vector<recipe::TokenRequest>& requests, const ModelVocabularies& models,
                      OutputTokens& tokens, Diagnostics& diagnostics) {
  for (const recipe::TokenRequest& request : requests) {
    if (tokens.find(request.text)) continue;
    if (request.text.empty()) {
      diagnostics.error("TOK005", request.at, "a token without text cannot be added");
      continue;
    }
    tokens.append(request.text, first_flags(models, request.text));
  }
}

}  // namespace stockpot::tokenizer
