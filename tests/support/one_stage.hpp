// A recipe of one document, from file to published output, without the program around it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "comm/agree.hpp"
#include "engine/job.hpp"
#include "engine/recipe_file.hpp"

namespace stockpot::test {

struct OneStage {
  recipe::Recipe recipe;
  engine::Stage stage;
};

/// Collective. Models are looked for beside the recipe.
inline OneStage planned_stage(const comm::Communicator& comm, const std::string& path) {
  OneStage one{engine::load_recipe(comm, path), {}};
  const io::SearchPlaces places{std::filesystem::path(path).parent_path().string(), {}, ""};
  one.stage = engine::StagePlanner(comm, one.recipe, places, {}).plan(0);
  return one;
}

/// The least memory of a rank, in steps of 32 KiB, with which `fits` says of its local waves that it is enough.
/// @param options  of the schedule, for so much memory
template <class Options, class Fits>
std::uint64_t least_memory_where(const plan::MergePlan& plan, const Options& options, const Fits& fits) {
  for (std::uint64_t memory = 1 << 20;; memory += 1 << 15) {
    try {
      if (fits(plan::work_of(plan, plan::make_schedule(plan, options(memory)), 0).local)) return memory;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::limits) throw;
    }
  }
}

/// Collective.
inline engine::JobSummary merge_stage(const comm::Communicator& comm, const OneStage& one,
                                      const plan::ScheduleOptions& schedule, const std::string& out,
                                      const engine::JobOptions& options = {}) {
  std::optional<io::Staging> staging;
  comm::agree(comm, [&] {
    if (comm.is_root()) staging = io::Staging::open({out, {}, one.stage.plan.output_bytes()});
  });
  engine::Workplace place{out, std::move(staging), {}, {}};
  try {
    engine::take_up_work(comm, one.stage, schedule.threads, one.recipe.documents[one.stage.document], options, place);
    const engine::PlacedStage placed{&one.stage, &place};
    engine::schedule_work(comm, {&placed, 1}, schedule);
  } catch (...) {
    if (comm.failing_together()) engine::leave_unbegun(place, false);
    throw;
  }
  return engine::run_merge(comm, one.recipe, one.stage, place, options);
}

}  // namespace stockpot::test
