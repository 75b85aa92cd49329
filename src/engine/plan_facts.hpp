// Everything that the bytes of an output depend on, as named facts: equal facts, equal bytes.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "engine/stage_planner.hpp"
#include "io/plan_record.hpp"

namespace stockpot::engine {

/// What tells a stage from an output of its own.
std::pair<std::string, std::string> fact_of_name(const Stage& stage);

/// Of a stage that has its plan. Where files lie is no fact, what they say is.
/// @param stages      fingerprints of stages, by name and by directory.
/// @param vocabulary  of the output, packed; empty: there is none of its own.
io::PlanFacts facts_of(const Stage& stage, const recipe::MergeDocument& document, const StageOptions& options,
                       const std::map<std::string, std::string>& stages, std::string_view vocabulary);

}  // namespace stockpot::engine
