// Plans for all stages of a job: before the first of them is made, and again once what they read has come into being.
#pragma once

#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "engine/job.hpp"
#include "engine/stage_planner.hpp"
#include "engine/stages_there.hpp"

namespace stockpot::engine {

class JobPlanner {
 public:
  /// @param there  is told of every stage that is found or made.
  JobPlanner(const comm::Communicator& comm, const recipe::Recipe& recipe, const io::SearchPlaces& search,
             const JobSettings& settings, StagesThere& there)
      : comm_(comm),
        recipe_(recipe),
        settings_(settings),
        planner_(comm, recipe, search, settings.stages),
        there_(there) {}

  /// Collective. The stages that are to be made, or are there, in their order.
  std::vector<Stage> plan_all();

  /// Collective. Its models may have come into being since.
  void plan_again(Stage& stage);

  /// Collective. A stage is complete in its place.
  void finished(const Stage& stage, Found how);

  /// Local, rank 0. Everything that no output may take the place of. Also what documents read that are not to be made now: they
  /// are not to be robbed of it.
  std::vector<std::string> inputs_of_all(const std::vector<Stage>& stages) const;

 private:
  void tell(const Stage& stage) const;

  const comm::Communicator& comm_;
  const recipe::Recipe& recipe_;
  const JobSettings& settings_;
  StagePlanner planner_;
  StagesThere& there_;
};

}  // namespace stockpot::engine
