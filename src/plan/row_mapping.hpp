// Embeddings and heads of a slice under the output's vocabulary.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "plan/matching.hpp"
#include "plan/shapes.hpp"

namespace stockpot::plan {

/// Gives the vocabulary tensors of one slice sources whose rows are those of the output's tokens.
class RowMapping {
 public:
  RowMapping(const MatchContext& context, const Participants& who, Matching& matching)
      : context_(context), who_(who), found_(matching) {}

  /// Whether the tensor's rows are those of a vocabulary that the recipe changes: to one of its holders they are, of
  /// those whose config.json says which tensors that are, if there are such.
  bool concerns(const MatchedTensor& tensor, const EmbeddingClass& embeddings) const;
  /// Puts the rows of all holders into the order of the output's vocabulary.
  /// @return false after a difference was reported: rows of other lengths (TEN004).
  bool apply(MatchedTensor& tensor);

 private:
  RowHolder holder(std::uint32_t model, const ViewedTensor& viewed) const;
  std::vector<RowHolder> holders(const MatchedTensor& tensor) const;
  const ViewedTensor* matrix_of(std::uint32_t model, std::string_view name) const;
  void remap(const MatchedTensor& tensor, SourceTensor& source, const ViewedTensor& own,
             std::span<const RowHolder> holders);

  const MatchContext& context_;
  const Participants& who_;
  Matching& found_;
};

}  // namespace stockpot::plan
