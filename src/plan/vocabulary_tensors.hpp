// Which tensors of a model have a row for each token of its tokenizer.
#pragma once

#include <cstdint>
#include <string_view>

#include "plan/matching.hpp"
#include "plan/shapes.hpp"

namespace stockpot::plan {

/// Tells the text's embeddings, heads and head biases from those of other vocabularies under the same names: codec
/// tokens of a speech model (Qwen2.5-Omni's talker), a question transformer with its own tokenizer (InstructBLIP).
///
/// Of a model's loose tensors of one kind those count that have `vocab_size` rows; if there is none, those with a row
/// for every token of the model that the output has; if there is none either, the largest. So a single one always
/// counts, padded or not, whatever config.json says. In a layer, as in those that predict further tokens, counts what
/// has the shape of a loose one that does.
class VocabularyTensors {
 public:
  /// @pre there is a vocabulary in the context, which must outlive this, as must the class.
  VocabularyTensors(const MatchContext& context, const EmbeddingClass& embeddings)
      : context_(context), embeddings_(embeddings) {}

  /// Whether the name and the number of dimensions are those of an embedding, a head, or a head's bias.
  bool may_be(std::string_view name, const Shape& shape) const;
  /// @param tensor  one that may be.
  bool has_row_per_token(std::uint32_t model, const ViewedTensor& tensor) const;
  /// Whether the model's tensors of that kind are told apart by `vocab_size`, not by a guess.
  bool is_known(std::uint32_t model, std::string_view name) const;

 private:
  enum class Kind { embedding, head, bias };
  Kind kind_of(std::string_view name) const;
  bool any_of_vocab_size(std::uint32_t model, Kind kind) const;
  bool has_row_per_token(std::uint32_t model, Kind kind, std::uint64_t rows) const;
  template <class Use>
  void for_each_loose(std::uint32_t model, const Use& use) const;

  const MatchContext& context_;
  const EmbeddingClass& embeddings_;
};

}  // namespace stockpot::plan
