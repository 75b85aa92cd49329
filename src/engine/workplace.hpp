// Where a stage is made, and how much of it is there already.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
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
  bool is_new = false;      ///< rank 0's: nothing was there before
};

/// Collective. Finds what earlier attempts left in the staging directory of `place`, and checks it.
void take_up_work(const comm::Communicator& comm, const Stage& stage, std::uint32_t threads,
                  const recipe::MergeDocument& document, const JobOptions& options, Workplace& place);

/// Local, rank 0. Ends what was not begun: what earlier attempts left stays for later ones, the rest goes.
/// @param holds_more  the directory has something beside this stage.   @return whether it is still there.
bool leave_unbegun(Workplace& place, bool holds_more);

/// A stage, and where it is made.
struct PlacedStage {
  const Stage* stage;
  Workplace* place;
};

/// Collective. Schedules what is left of stages that are merged in one sweep.
/// @param options  of all of them.
void schedule_work(const comm::Communicator& comm, std::span<const PlacedStage> stages,
                   const plan::ScheduleOptions& options);

}  // namespace stockpot::engine
