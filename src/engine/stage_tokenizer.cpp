#include "engine/stage_tokenizer.hpp"

#include <algorithm>
#include <array>

#include "tokenizer/chat_template.hpp"

namespace stockpot::engine {
namespace {

/// Vocabularies in forms that are not read: they tell a model with a tokenizer from one without.
constexpr std::array other_vocabularies{"tokenizer.model", "spiece.model", "sentencepiece.bpe.model",
                                        "vocab.json",      "vocab.txt",    "tekken.json"};

tokenizer::ModelTokenizer tokenizer_files(const ShelvedModel& model) {
  const io::ModelFolder& folder = model.tokenizer_folder();
  tokenizer::ModelTokenizer files;
  files.model = model.catalogue.model;
  files.directory = folder.shown();
  files.tokenizer = folder.text("tokenizer.json");
  files.tokenizer_config = folder.text("tokenizer_config.json");
  files.added_tokens = folder.text("added_tokens.json");
  files.model_file = std::ranges::any_of(folder.names(), [](const auto& name) { return name.ends_with(".model"); });
  files.other_files = std::ranges::any_of(other_vocabularies, [&](const char* name) { return folder.has(name); });
  files.rows = model.token_rows();
  return files;
}

std::size_t anchor_of(const recipe::MergeDocument& document) {
  const auto models = document.models();
  return static_cast<std::size_t>(std::ranges::find(models, document.anchor()) - models.begin());
}

}  // namespace

StageTokenizer plan_tokenizer(const recipe::MergeDocument& document, std::span<const ShelvedModel* const> models,
                              recipe::Diagnostics& diagnostics) {
  StageTokenizer result;
  if (document.tokenizer) {
    std::vector<tokenizer::ModelTokenizer> files;
    const auto references = document.models();
    for (std::size_t m = 0; m < models.size(); ++m) {
      files.push_back(tokenizer_files(*models[m]));
      files.back().takes_part = document.takes_part(references[m]);
    }
    result.built = tokenizer::build_tokenizer(*document.tokenizer, files, anchor_of(document), diagnostics);
  }
  if (document.chat_template) {
    std::vector<tokenizer::ModelTemplates> templates;
    for (const ShelvedModel* model : models) {
      const io::ModelFolder& folder = model->tokenizer_folder();
      templates.push_back(
          {model->catalogue.model, folder.text("chat_template.jinja"), folder.text("tokenizer_config.json")});
    }
    result.chat_template =
        tokenizer::chat_template(*document.chat_template, document.chat_template_at, templates, diagnostics);
  }
  return result;
}

}  // namespace stockpot::engine
