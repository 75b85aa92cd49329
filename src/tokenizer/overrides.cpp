#include "tokenizer/overrides.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace stockpot::tokenizer {
namespace {

using recipe::Diagnostics;
using recipe::in_quotes;
using recipe::TokenRequest;
using Override = OutputVocabulary::Override;
using Kind = Override::Kind;

std::optional<std::size_t> find_model(const TokenRequest& request, const ModelVocabularies& models,
                                      Diagnostics& diagnostics) {
  const auto index = models.index_of(request.model->text);
  if (index && models.model(*index).takes_part) return index;
  diagnostics.error("TOK034", request.model->at,
                    fmt::format("token {} takes its row from model {}, which takes no part in the merge",
                                in_quotes(request.text), in_quotes(request.model->text)));
  return std::nullopt;
}

/// The row that the model has for `text`.
std::optional<std::uint64_t> row_of(const TokenRequest& request, std::string_view text, std::string_view code,
                                    std::size_t model, const ModelVocabularies& models, Diagnostics& diagnostics) {
  const auto id = models.id_of(model, text);
  if (id) return *id;
  diagnostics.error(code, request.at,
                    fmt::format("model {} has no token {}", in_quotes(request.model->text), in_quotes(text)));
  return std::nullopt;
}

std::optional<std::uint64_t> find_row(const TokenRequest& request, std::size_t model, const ModelVocabularies& models,
                                      Diagnostics& diagnostics) {
  if (request.source == TokenRequest::Source::model) {
    return row_of(request, request.text, "TOK030", model, models, diagnostics);
  }
  if (request.token) return row_of(request, *request.token, "TOK032", model, models, diagnostics);
  if (*request.token_id < models.limit(model)) return request.token_id;
  diagnostics.error("TOK033", request.at,
                    fmt::format("token_id {} is not one of the {} rows of model {}", *request.token_id,
                                models.limit(model), in_quotes(request.model->text)));
  return std::nullopt;
}

/// @return nothing if the entry is wrong, or says nothing.
std::optional<Override> read_override(const TokenRequest& request, std::uint32_t id, const ModelVocabularies& models,
                                      Diagnostics& diagnostics) {
  Override result{.id = id, .force = request.force};
  if (request.source == TokenRequest::Source::by_models) {
    return request.force ? std::optional(result) : std::nullopt;
  }
  if (request.source == TokenRequest::Source::zero) {
    result.kind = Kind::zero;
    return result;
  }
  const auto model = find_model(request, models, diagnostics);
  if (!model) return std::nullopt;
  const auto row = find_row(request, *model, models, diagnostics);
  if (!row) return std::nullopt;
  result.kind = Kind::row;
  result.model = static_cast<std::uint32_t>(*model);
  result.row = *row;
  return result;
}

}  // namespace

std::vector<Override> read_overrides(const std::vector<TokenRequest>& requests, const ModelVocabularies& models,
                                     const OutputTokens& tokens, Diagnostics& diagnostics) {
  std::vector<Override> overrides;
  for (const TokenRequest& request : requests) {
    const auto token = tokens.find(request.text);
    if (!token) continue;  // reported when it was to be appended
    const auto result = read_override(request, token->id, models, diagnostics);
    if (result) overrides.push_back(*result);
  }
  std::sort(overrides.begin(), overrides.end(), [](const Override& a, const Override& b) { return a.id < b.id; });
  return overrides;
}

}  // namespace stockpot::tokenizer
