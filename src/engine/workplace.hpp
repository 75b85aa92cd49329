// Where a stage is made, and how much of it is there already.
#pragma once

#include <optional>
#include <string>

#include "comm/communicator.hpp"
#include "engine/continuation.hpp"
#include "engine/stage.hpp"
#include "io/publish.hpp"
#include "plan/schedule.hpp"
#include "recipe/recipe.hpp"

namespace stockpot::engine {

struct JobOptions;

/// Where a stage is made, and what is there already.
struct Workplace {
  std::string out;                     ///< the output's path, for its card
  std::optional<io::Staging> staging;  ///< rank 0's: where it grows. Gone if there was nothing to keep
  Continuation continuation;
  plan::Schedule schedule;  ///< of what is left to do
};

/// Collective. Finds what earlier attempts left in the staging directory of `place`, checks it, and schedules the rest. After a failure
/// nothing need be done about that directory any more.
void take_up_work(const comm::Communicator& comm, const Stage& stage, const plan::ScheduleOptions& schedule,
                  const recipe::MergeDocument& document, const JobOptions& options, Workplace& place);

}  // namespace stockpot::engine
