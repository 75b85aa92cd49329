// Rows of embeddings under the output's tokenizer.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/vocabulary.hpp"
#include "plan/plan.hpp"

namespace stockpot::plan {

/// A model's matrix that rows may be taken from.
struct RowHolder {
  std::uint32_t model = 0;
  std::uint32_t tensor = 0;  ///< index into that catalogue's tensors
  std::uint64_t rows = 0;
  bool is_base = false;
};

/// Turns the vocabulary into row maps, tensor by tensor.
///
/// A token's row is the model's own if it has the token. Else it is the default row: what the recipe says; else that of
/// the only model which has it, zero if none has, the base's if the base is among several, or their mean. Rows that pad
/// the matrix, and those of ids without token, are the mean of all others.
class VocabularyRows {
 public:
  explicit VocabularyRows(const OutputVocabulary& vocabulary) : vocabulary_(vocabulary) {}
  std::uint64_t rows() const { return vocabulary_.rows; }
  /// How many rows a matrix of the model must have for all of its tokens that the output has.
  std::uint64_t needed_rows(std::uint32_t model) const;

  /// @param shape    of the new matrix or vector: its rows are rows().
  /// @param own      whose matrix is made.
  /// @param holders  models whose rows default rows are made of, in document order; the base only if it holds one.
  /// @param donor    the matrix of any model of the document, for rows that the recipe names; nothing: it has none.
  /// @param problems gets one line per row that the recipe names and that is not there.
  Gather gather(const Shape& shape, const RowHolder& own, std::span<const RowHolder> holders,
                const std::function<std::optional<RowHolder>(std::uint32_t model)>& donor,
                std::vector<std::string>& problems) const;

  /// Tokens without a row in any holder that the recipe says nothing of: they become rows of zeros.
  std::uint64_t tokens_without_row(std::span<const RowHolder> holders) const;

 private:
  std::int64_t own_row(const RowHolder& holder, std::uint64_t id) const;
  const OutputVocabulary::Override* override_of(std::uint64_t id) const;
  const OutputVocabulary& vocabulary_;
};

}  // namespace stockpot::plan
