// Units to ranks.
#pragma once

#include "plan/schedule.hpp"
#include "plan/waves.hpp"

namespace stockpot::plan {

/// Says which groups are shared, and gives every unit that is not nobody's its rank.
void deal(const MergePlan& plan, const WaveBudget& budget, Schedule& schedule);

}  // namespace stockpot::plan
