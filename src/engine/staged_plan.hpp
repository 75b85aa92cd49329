// The plan of what an earlier attempt staged, and whether it is that of another merge.
#pragma once

#include <optional>
#include <string>

#include "engine/stage.hpp"
#include "io/plan_record.hpp"

namespace stockpot::engine {

/// Local. Nothing if there is no such file, or it is none.
std::optional<io::PlanRecord> read_staged_plan(const std::string& plan_file);

/// Local. An earlier plan of the same stage is none of another merge: the recipe was edited.
/// @throws Error(recipe, RES001) if what is staged is of another merge, saying what differs.
void refuse_other_merge(const std::string& plan_file, const io::PlanFacts& staged, const Stage& stage);

/// Local. The same of what is staged for an output at `out`, without a lock: what cannot be read now is said when it is taken up.
void refuse_other_merge_at(const std::string& out, const Stage& stage);

}  // namespace stockpot::engine
