#include "tokenizer/output_tokenizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "tokenizer/model_vocabularies.hpp"
#include "tokenizer/output_tokens.hpp"
#include "tokenizer/overrides.hpp"
#include "tokenizer/tokenizer_text.hpp"
#include "tokenizer/union.hpp"

namespace stockpot::tokenizer {
namespace {

using recipe::Diagnostics;
using recipe::TokenizerRequest;
using Source = TokenizerRequest::Source;

constexpr std::uint64_t rows_per_token = 16, rows_at_least = 65'536;  // a few far ids must not make a huge matrix

/// Other forms of what tokenizer.json says; readers that prefer them would get the old tokens.
const std::vector<std::string> other_forms{"added_tokens.json", "merges.txt", "vocab.json", "vocab.txt",
                                           "tekken.json",       "*.model",    "*.tiktoken", "*.spm"};

/// The source's own tokens: as they are if the recipe names it, otherwise without those that have no row.
std::optional<OutputTokens> donor_tokens(const TokenizerRequest& request, const ModelVocabularies& models,
                                         std::size_t donor, Diagnostics& diagnostics) {
  const bool as_it_is = request.source == Source::model;
  const std::uint64_t limit = as_it_is ? std::numeric_limits<std::uint64_t>::max() : models.limit(donor);
  OutputTokens tokens(models.of(donor), limit);
  const std::string name = recipe::in_quotes(models.model(donor).model);
  if (tokens.stripped() && models.of(donor).type() != TokenizerType::bpe) {
    diagnostics.error(
        "TOK004", request.at,
        fmt::format("tokens of model {} have ids from {} on, for which it has no rows, and such tokens can be "
                    "taken out of a BPE tokenizer only",
                    name, limit),
        "'source: " + models.model(donor).model + "' takes the tokenizer as it is");
    return std::nullopt;
  }
  if (tokens.all().empty()) {
    diagnostics.error("TOK002", request.at, fmt::format("the tokenizer of model {} has no tokens", name));
    return std::nullopt;
  }
  if (!as_it_is) models.report_rowless(donor, request.at, diagnostics);
  return tokens;
}

/// V rounded up. Reports TOK006 and returns nothing if that is out of proportion.
std::optional<std::uint64_t> output_rows(const TokenizerRequest& request, const OutputTokens& tokens,
                                         Diagnostics& diagnostics) {
  const std::uint64_t most = rows_per_token * tokens.all().size() + rows_at_least;
  const std::uint64_t multiple = std::max<std::uint64_t>(request.pad_to_multiple_of, 1);
  if (tokens.end() <= most && multiple <= most) {
    const std::uint64_t rows = (tokens.end() + multiple - 1) / multiple * multiple;
    if (rows <= most) return rows;
  }
  diagnostics.error("TOK006", request.at,
                    fmt::format("{} tokens with ids up to {}, in a multiple of {} rows, would make embeddings of more "
                                "than {} rows",
                                tokens.all().size(), tokens.end() - 1, multiple, most));
  return std::nullopt;
}

std::vector<std::int32_t> own_ids(const TokenizerFile& of_model, const OutputTokens& tokens) {
  std::vector<std::int32_t> ids(tokens.end(), -1);
  for (const OutputToken& token : tokens.all()) {
    const Token* const own = of_model.find(token.text);
    if (own != nullptr) ids[token.id] = static_cast<std::int32_t>(own->id);
  }
  return ids;
}

OutputVocabulary numbers(const ModelVocabularies& models, const OutputTokens& tokens, std::uint64_t rows) {
  OutputVocabulary vocabulary{.tokens = tokens.end(), .rows = rows, .own_ids = {}, .used = {}, .overrides = {}};
  vocabulary.used.resize(tokens.end(), 0);
  for (const OutputToken& token : tokens.all()) vocabulary.used[token.id] = 1;
  for (std::size_t m = 0; m < models.size(); ++m) vocabulary.own_ids.push_back(own_ids(models.of(m), tokens));
  return vocabulary;
}

std::vector<std::pair<std::uint64_t, std::optional<std::uint64_t>>> translated(const TokenizerFile& anchor,
                                                                               const OutputTokens& tokens) {
  std::vector<std::pair<std::uint64_t, std::optional<std::uint64_t>>> ids;
  for (const Token* token : anchor.tokens()) {
    const auto there = tokens.find(token->text);
    ids.emplace_back(token->id, there ? std::optional<std::uint64_t>(there->id) : std::nullopt);
  }
  return ids;
}

void write_files(const ModelTokenizer& donor, const OutputTokens& tokens, OutputTokenizer& into) {
  TokenizerText made = tokenizer_text(tokens);
  into.files.push_back({"tokenizer.json", std::move(made.text)});
  if (made.changed) into.stale = other_forms;
  if (!donor.tokenizer_config) return;
  const std::string path = donor.directory + "/tokenizer_config.json";
  into.files.push_back({"tokenizer_config.json", tokenizer_config_text(*donor.tokenizer_config, tokens,
                                                                       made.changed && donor.model_file, path)});
}

}  // namespace

OutputTokenizer build_tokenizer(const TokenizerRequest& request, std::span<const ModelTokenizer> models,
                                std::size_t anchor, Diagnostics& diagnostics) {
  OutputTokenizer output{.donor = anchor, .files = {}, .stale = {}, .vocabulary = {}, .token_ids = {}};
  const ModelVocabularies vocabularies(request, models, anchor, diagnostics);
  if (request.source == Source::model) output.donor = vocabularies.index_of(request.model->text).value();
  if (!vocabularies.usable() || !vocabularies.has_own(output.donor)) return output;

  auto tokens = donor_tokens(request, vocabularies, output.donor, diagnostics);
  if (!tokens) return output;
  if (request.source == Source::union_of_all) append_union(vocabularies, request.at, *tokens, diagnostics);
  append_requested(request.tokens, vocabularies, *tokens, diagnostics);
  const auto rows = output_rows(request, *tokens, diagnostics);
  if (!rows) return output;

  output.vocabulary = numbers(vocabularies, *tokens, *rows);
  output.vocabulary.overrides = read_overrides(request.tokens, vocabularies, *tokens, diagnostics);
  if (output.donor != anchor || tokens->stripped()) output.token_ids = translated(vocabularies.of(anchor), *tokens);
  write_files(models[output.donor], *tokens, output);
  return output;
}

}  // namespace stockpot::tokenizer
