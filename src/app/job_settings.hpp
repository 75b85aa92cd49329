// From options, environment, recipe and machine to the numbers that plan and schedule are made with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/machine_share.hpp"
#include "app/shared_options.hpp"
#include "plan/schedule.hpp"

namespace stockpot::app {

plan::PlanOptions plan_options(const MergeOptions& options);
engine::StageOptions stage_planning(const MergeOptions& options, recipe::Dialect dialect);

/// Precedence: option (or its environment variable) > recipe > default of the machine.
plan::ScheduleOptions schedule_options(const MergeOptions& options, const recipe::Extensions& extensions,
                                       std::uint32_t ranks, const MachineShare& share);

/// @throws Error(recipe) that shows the warnings, if there are any while `strict`: --strict, or the recipe's.
void refuse_warnings(bool strict, const std::vector<Remark>& remarks);

}  // namespace stockpot::app
