#include "engine/job_planner.hpp"

#include <algorithm>
#include <iterator>

#include "comm/agree.hpp"
#include "engine/stage_place.hpp"

namespace stockpot::engine {

/// Out of the recipe, and of models of other programs that stand in for stages of it, alone: what an output is known by does not
/// depend on which stages lie there. Then with those, where there are any.
std::vector<Stage> JobPlanner::plan_all() {
  const auto order = comm::agree(comm_, [&] { return stages_to_make(recipe_, settings_.places); });
  std::vector<Stage> stages;
  std::vector<Found> there;
  for (const std::size_t document : order) {
    Stage& stage = stages.emplace_back(planner_.plan(document));
    stage.planned_as = stage.made_of;
    tell(stage);
    there.push_back(there_.find_before(stage));
    if (there.back() == Found::made_elsewhere) finished(stage, there.back());
  }
  bool more = false;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    if (more) plan_again(stages[s]);
    if (there[s] == Found::nothing) continue;
    finished(stages[s], there[s]);
    more = true;
  }
  return stages;
}

void JobPlanner::plan_again(Stage& stage) {
  std::string planned_as = std::move(stage.planned_as);
  stage = planner_.plan(stage.document);
  stage.planned_as = std::move(planned_as);
  tell(stage);
}

void JobPlanner::finished(const Stage& stage, Found how) {
  if (stage.name.empty()) return;
  there_.add(stage, how);
  planner_.finished(stage, there_.directory_of(stage), how == Found::made_of_this);
}

std::vector<std::string> JobPlanner::inputs_of_all(const std::vector<Stage>& stages) const {
  std::vector<std::string> places = places_of_inputs(stages);
  for (std::size_t d = 0; d < recipe_.documents.size(); ++d) {
    if (std::ranges::find(stages, d, &Stage::document) != stages.end()) continue;
    std::ranges::move(planner_.places_of(recipe_.documents[d]), std::back_inserter(places));
  }
  if (settings_.places.recipe) places.push_back(*settings_.places.recipe);
  return places;
}

/// Collective.
void JobPlanner::tell(const Stage& stage) const {
  const recipe::MergeDocument& document = recipe_.documents[stage.document];
  const auto schedule =
      comm::agree(comm_, [&] { return plan::make_schedule(stage.plan, settings_.schedule(document)); });
  settings_.on_planned(stage, document, schedule);
}

}  // namespace stockpot::engine
