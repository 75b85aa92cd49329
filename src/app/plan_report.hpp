// What a plan says, for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "engine/stage.hpp"
#include "plan/schedule.hpp"

namespace stockpot::app {

/// Prints one stage's plan on stdout. @param with_tensors  one line for each output tensor, too.
void print_plan(const engine::Stage& stage, const plan::Schedule& schedule, bool with_tensors);

/// The same as JSON text, indented, without a line end at the end.
std::string plan_as_json(const engine::Stage& stage, const plan::Schedule& schedule, const std::vector<Remark>& remarks,
                         bool with_tensors);

}  // namespace stockpot::app
