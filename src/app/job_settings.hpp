// From options, environment, recipe and machine to the numbers that plan and schedule are made with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/shared_options.hpp"
#include "plan/schedule.hpp"

namespace stockpot::app {

plan::PlanOptions plan_options(const MergeOptions& options);
engine::StageOptions stage_planning(const MergeOptions& options, recipe::Dialect dialect);

/// Precedence: option (or its environment variable) > recipe > default of the machine.
/// @param ranks_on_machine  share threads and memory of one machine.
plan::ScheduleOptions schedule_options(const MergeOptions& options, const recipe::Extensions& extensions,
                                       std::uint32_t ranks, std::uint32_t ranks_on_machine);

/// @throws Error(recipe) that shows the warnings, if there are any while `strict`: --strict, or the recipe's.
void refuse_warnings(bool strict, const std::vector<Remark>& remarks);

}  // namespace stockpot::app
