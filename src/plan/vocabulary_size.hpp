// The output's vocabulary size, out of its embeddings and heads.
#pragma once

#include <cstdint>

#include "plan/matched_tensor.hpp"
#include "plan/matching.hpp"

namespace stockpot::plan {

/// Takes note of a tensor that has its shape: where embeddings or heads have other rows than the anchor's, the output's
/// vocabulary size is theirs. Slices may take both from models of different vocabularies: no loader takes such a pair
/// (TEN004).
void note_vocabulary(const MatchContext& context, std::uint32_t anchor, const MatchedTensor& tensor, Matching& found);

}  // namespace stockpot::plan
