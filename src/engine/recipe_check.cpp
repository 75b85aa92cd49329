#include "engine/recipe_check.hpp"

#include <algorithm>
#include <optional>

#include "engine/model_errors.hpp"
#include "plan/dry_check.hpp"

namespace stockpot::engine {
namespace {

/// Collects errors of several kinds: the first decides on the exit code.
class Findings {
 public:
  void add(const Error& error) {
    if (!first_) first_ = error;
    const std::string report = error.what();
    if (std::ranges::find(reports_, report) == reports_.end()) reports_.push_back(report);
  }
  bool empty() const { return !first_; }
  void raise() const {
    if (!first_) return;
    std::string all;
    for (const std::string& report : reports_) all += (all.empty() ? "" : "\n") + report;
    throw Error(first_->kind(), first_->sentence()).code(first_->class_code()).with_report(std::move(all));
  }

 private:
  std::optional<Error> first_;
  std::vector<std::string> reports_;
};

template <class Work>
void collect(Findings& findings, const Work& work) {
  try {
    work();
  } catch (const Error& error) {
    findings.add(error);
  }
}

bool names_stage(const recipe::Recipe& recipe, const std::string& path) {
  return std::ranges::any_of(recipe.documents, [&](const auto& d) { return !d.name.empty() && d.name == path; });
}

/// Mistakes of the recipe, and those that show without any model.
void check_alone(recipe::Recipe& recipe, const StageOptions& options, Findings& findings) {
  for (const recipe::MergeDocument& document : recipe.documents)
    plan::check_without_models(document, recipe.diagnostics);
  collect(findings, [&] { recipe.diagnostics.throw_if_errors(options.plan.strict); });
}

void check_references(const recipe::Recipe& recipe, ModelShelf& shelf, Findings& findings) {
  ModelErrors errors(recipe);
  for (const recipe::MergeDocument& document : recipe.documents) {
    for (const recipe::ModelReference& model : document.models()) {
      if (names_stage(recipe, model.path)) continue;
      try {
        shelf.get(model);
      } catch (const Error& error) {
        errors.add(error, model);
      }
    }
  }
  collect(findings, [&] { errors.raise(); });
}

}  // namespace

CheckResult check_recipe(const std::string& path, const io::SearchPlaces& search, const StageOptions& options) {
  const auto alone = comm::Communicator::alone();
  recipe::Recipe recipe = recipe::read_recipe(path, read_recipe_text(path), options.dialect);
  Findings findings;
  check_alone(recipe, options, findings);
  ModelShelf shelf(search, options.dialect);
  check_references(recipe, shelf, findings);
  CheckResult result;
  if (findings.empty()) {
    recipe::Diagnostics diagnostics(recipe.path, recipe.text);
    const auto order = recipe::stage_order(recipe.documents, diagnostics);
    collect(findings, [&] { diagnostics.throw_if_errors(); });
    StagePlanner planner(alone, recipe, search, options);
    for (const std::size_t document : order) {
      collect(findings, [&] {
        const Stage stage = planner.plan(document);
        result.warnings.insert(result.warnings.end(), stage.warnings.begin(), stage.warnings.end());
      });
    }
  }
  findings.raise();
  return result;
}

}  // namespace stockpot::engine
