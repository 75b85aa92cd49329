// The models' tokenizers, read; models without one are taken to have the anchor's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tokenizer/output_tokenizer.hpp"
#include "tokenizer/tokenizer_file.hpp"

namespace stockpot::tokenizer {

class ModelVocabularies {
 public:
  /// Reports TOK001, TOK002, TOK003 and TOK005. Equal texts are read once: fine-tuned models share their tokenizer.
  /// @param models  must outlive this.
  ModelVocabularies(const recipe::TokenizerRequest& request, std::span<const ModelTokenizer> models, std::size_t anchor,
                    recipe::Diagnostics& diagnostics);

  /// Whether the anchor has a tokenizer: otherwise nothing else may be asked.
  bool usable() const { return files_[anchor_] != nullptr; }
  bool has_own(std::size_t model) const { return files_[model] != nullptr; }
  /// The model's tokenizer or, where it has none, the anchor's.
  const TokenizerFile& of(std::size_t model) const { return *files_[has_own(model) ? model : anchor_]; }
  /// Tokens of the model with this id or a higher one do not exist for it.
  std::uint64_t limit(std::size_t model) const;
  /// @return how many tokens of the model do not exist for it; TOK005 says so.
  std::size_t report_rowless(std::size_t model, recipe::Position at, recipe::Diagnostics& diagnostics) const;
  /// The id, below the limit, that the model gives a text.
  std::optional<std::uint32_t> id_of(std::size_t model, std::string_view text) const;
  std::optional<std::size_t> index_of(std::string_view model) const;
  const ModelTokenizer& model(std::size_t index) const { return models_[index]; }
  std::size_t size() const { return models_.size(); }
  std::size_t anchor() const { return anchor_; }

 private:
  const TokenizerFile* read(std::size_t model, recipe::Position at, recipe::Diagnostics& diagnostics);

  std::span<const ModelTokenizer> models_;
  std::size_t anchor_;
  std::vector<std::unique_ptr<TokenizerFile>> read_;
  std::vector<std::vector<FurtherToken>> further_;  // by model: tokens that files beside tokenizer.json name
  std::vector<const TokenizerFile*> files_;         // likewise
};

}  // namespace stockpot::tokenizer
