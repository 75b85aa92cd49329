// From a recipe to planned stages, on all ranks.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "engine/model_shelf.hpp"
#include "engine/stage.hpp"
#include "engine/stage_tokenizer.hpp"
#include "plan/plan.hpp"
#include "recipe/recipe.hpp"

namespace stockpot::engine {

struct StageOptions {
  plan::PlanOptions plan;
  bool copy_tokenizer = true;
  recipe::Dialect dialect = recipe::Dialect::merge;
  /// What is asked for; empty: safetensors. A stage that others read has a format that can be read.
  std::function<std::string(const recipe::MergeDocument&)> output_format = {};
};

class StagePlanner {
 public:
  StagePlanner(const comm::Communicator& comm, const recipe::Recipe& recipe, io::SearchPlaces places,
               StageOptions options);

  /// Collective. Plans a document whose models are on disk or were planned, or finished, before. What comes out is known
  /// to later documents under the stage's name.
  /// @throws Error alike on all ranks; mistakes in references are shown together, each with its place in the recipe.
  Stage plan(std::size_t document);

  /// The next document is planned with an explanation of one of its tensors.
  void explain(std::optional<std::string> tensor) { options_.plan.explain = std::move(tensor); }

  /// Collective. From now on the stage's name means what lies in `directory`.
  /// @param made_of_this  it was made by this plan, so that nothing else need be known of its files.
  void finished(const Stage& stage, const std::string& directory, bool made_of_this);

  /// Rank 0. Where models and adapters of a document lie that need not be planned, as far as they can be found.
  std::vector<std::string> places_of(const recipe::MergeDocument& document) const;

 private:
  std::string read_models(const recipe::MergeDocument& document);
  [[noreturn]] void refuse_vocabulary(const recipe::MergeDocument& document, std::vector<const ShelvedModel*> models,
                                      Error error) const;
  Remark placed(Remark remark, recipe::Position at) const;
  void choose_format(Stage& stage, const recipe::MergeDocument& document) const;
  void check_routers(Stage& stage, const recipe::MergeDocument& document);
  void plan_companions(Stage& stage, const recipe::MergeDocument& document);

  const comm::Communicator& comm_;
  const recipe::Recipe& recipe_;
  StageOptions options_;
  ModelShelf shelf_;                                 // rank 0's is used
  std::set<std::string> unmade_;                     // rank 0, stages that have no data yet, by name
  StageTokenizer tokenizer_;                         // rank 0, of the document at hand
  std::map<std::string, std::string> fingerprints_;  // of stages, by name and, once finished, by directory
};

}  // namespace stockpot::engine
