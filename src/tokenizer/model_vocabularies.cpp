#include "tokenizer/model_vocabularies.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "tokenizer/further_tokens.hpp"

namespace stockpot::tokenizer {
namespace {

using recipe::in_quotes;
using Source = recipe::TokenizerRequest::Source;

constexpr const char* conversion_help =
    "load the tokenizer with a program that can convert it, such as transformers, and save it: that writes "
    "tokenizer.json";

/// A model without a tokenizer.json may be one with a tokenizer that we cannot read.
void report_missing(const recipe::TokenizerRequest& request, const ModelTokenizer& model, bool needed,
                    recipe::Diagnostics& diagnostics) {
  const std::string name = in_quotes(model.model);
  if (model.other_files) {
    std::string message = fmt::format("the tokenizer of model {} has no tokenizer.json", name);
    if (needed || request.source == Source::union_of_all) {
      return diagnostics.error("TOK003", request.at, std::move(message), conversion_help);
    }
    return diagnostics.warn("TOK003", request.at, message + ": the model is taken to have the anchor's ids",
                            conversion_help);
  }
  if (needed) {
    return diagnostics.error("TOK002", request.at, fmt::format("model {} has no tokenizer", name),
                             "the output's tokenizer is made from it: put its tokenizer.json into " + model.directory);
  }
  diagnostics.warn("TOK001", request.at,
                   fmt::format("model {} has no tokenizer: it is taken to have the anchor's ids", name));
}

}  // namespace

ModelVocabularies::ModelVocabularies(const recipe::TokenizerRequest& request, std::span<const ModelTokenizer> models,
                                     std::size_t anchor, recipe::Diagnostics& diagnostics)
    : models_(models), anchor_(anchor), further_(models.size()) {
  const std::string_view donor = request.source == Source::model ? request.model->text : models[anchor].model;
  for (std::size_t m = 0; m < models.size(); ++m) {
    files_.push_back(models[m].tokenizer ? read(m, request.at, diagnostics) : nullptr);
    if (has_own(m)) continue;
    report_missing(request, models[m], m == anchor || models[m].model == donor, diagnostics);
  }
}

const TokenizerFile* ModelVocabularies::read(std::size_t model, recipe::Position at, recipe::Diagnostics& diagnostics) {
  const ModelTokenizer& source = models_[model];
  auto& further = further_[model];
  further = further_tokens(source.tokenizer_config, source.added_tokens, source.directory);
  const auto end = std::ranges::lower_bound(further, limit(model), {}, &FurtherToken::id);
  const std::vector<FurtherToken> rowless(end, further.end());
  further.erase(end, further.end());
  for (std::size_t earlier = 0; earlier < model; ++earlier) {
    const bool same = models_[earlier].tokenizer == source.tokenizer && further_[earlier] == further;
    if (same) return files_[earlier];
  }
  read_.push_back(std::make_unique<TokenizerFile>(*source.tokenizer, source.directory + "/tokenizer.json", further));
  const TokenizerFile& file = *read_.back();
  for (const std::string& warning : file.warnings()) {
    diagnostics.warn("TOK005", at, fmt::format("tokenizer.json of model {}: {}", in_quotes(source.model), warning));
  }
  const auto lacking =
      std::ranges::find_if(rowless, [&](const FurtherToken& t) { return file.find(t.text) == nullptr; });
  if (lacking != rowless.end()) {
    diagnostics.warn(
        "TOK005", at,
        fmt::format("model {} has no row for token {}, which only a file beside tokenizer.json names, with id {}: "
                    "it is left out",
                    in_quotes(source.model), in_quotes(lacking->text), lacking->id));
  }
  return &file;
}

std::uint64_t ModelVocabularies::limit(std::size_t model) const {
  return models_[model].rows.value_or(std::numeric_limits<std::uint64_t>::max());
}

std::size_t ModelVocabularies::report_rowless(std::size_t model, recipe::Position at,
                                              recipe::Diagnostics& diagnostics) const {
  const auto& tokens = of(model).tokens();
  const auto first = std::ranges::lower_bound(tokens, limit(model), {}, [](const Token* token) { return token->id; });
  const auto count = static_cast<std::size_t>(tokens.end() - first);
  if (count == 0) return 0;
  diagnostics.warn(
      "TOK005", at,
      fmt::format("{} token(s) of model {} have ids from {} on, for which it has no rows, the first is {}: they "
                  "are left out",
                  count, in_quotes(models_[model].model), limit(model), in_quotes((*first)->text)));
  return count;
}

std::optional<std::uint32_t> ModelVocabularies::id_of(std::size_t model, std::string_view text) const {
  const Token* const token = of(model).find(text);
  if (token == nullptr || token->id >= limit(model)) return std::nullopt;
  return token->id;
}

std::optional<std::size_t> ModelVocabularies::index_of(std::string_view model) const {
  for (std::size_t m = 0; m < models_.size(); ++m) {
    if (models_[m].model == model) return m;
  }
  return std::nullopt;
}

}  // namespace stockpot::tokenizer
