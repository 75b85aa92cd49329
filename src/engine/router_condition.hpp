// Whether routers tell their experts apart.
#pragma once

#include "plan/plan.hpp"
#include "recipe/recipe.hpp"

namespace stockpot::engine {

/// Local. Reads or draws the routers of a planned mixture of experts and reports MOE012, once, for those whose condition
/// number (largest singular value over smallest) is above 5. Routers that all layers share are looked at once; of others
/// as many as take some seconds.
/// @throws Error(corrupt_input) for what cannot be read.
void check_router_conditions(const plan::MergePlan& plan, const recipe::MergeDocument& document,
                             recipe::Diagnostics& diagnostics);

}  // namespace stockpot::engine
