// The tensors of a mixture of experts: those of the base model, and what stands in for its feed-forward blocks.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "plan/matched_tensor.hpp"
#include "plan/moe_target.hpp"
#include "plan/participants.hpp"
#include "plan/slices.hpp"

namespace stockpot::plan {

struct MoeTensors {
  std::vector<MatchedTensor> tensors;   ///< all of them copies, of stored tensors or of gathers
  std::vector<std::string> routers;     ///< names, by layer
  std::deque<std::string> names;        ///< what their names point to
  bool has_head = false;                ///< a head that is not the embedding once more
  bool stores_head = false;             ///< a head, be it the embedding once more
  std::uint64_t intermediate_size = 0;  ///< of an expert
};

/// Adds gathers to the plan. Reports MOE008 for what has no place in the output and for blocks that differ from the
/// base's, MOE010 and MOE011 for routers that cannot be made; then some or all tensors are not there.
/// @param views  of the plan's models; the result points into them.
MoeTensors make_moe_tensors(const recipe::MergeDocument& document, const MoeTarget& target, const ModelList& models,
                            const Views& views, MergePlan& plan, recipe::Diagnostics& diagnostics);

}  // namespace stockpot::plan
