// Which sparse architecture a document with experts becomes.
#pragma once

#include "plan/moe_target.hpp"
#include "plan/participants.hpp"
#include "plan/plan.hpp"

namespace stockpot::plan {

/// The architecture that the recipe names, or the first that takes the models. Reports why there is none (MOE008 for the
/// models, MOE009 for shared experts and layout). @return nullptr then.
const MoeTarget* choose_target(const recipe::MergeDocument& document, const ModelList& models, const MergePlan& plan,
                               recipe::Diagnostics& diagnostics);

}  // namespace stockpot::plan
