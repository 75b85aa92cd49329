#include "engine/recipe_check.hpp"

#include <algorithm>
#include <optional>
#include <tuple>

#include "engine/model_errors.hpp"
#include "engine/recipe_file.hpp"
#include "plan/dry_check.hpp"

namespace stockpot::engine {
namespace {

/// Collects errors of several kinds: the first decides on the exit code.
class Findings {
 public:
  void add(const Error& error) {
    if (!first_) first_ = error;
    for (Remark& remark : error.remarks()) {
      if (std::ranges::find(parts_, remark) == parts_.end()) parts_.push_back(std::move(remark));
    }
  }
  /// Sorted by place; what has none comes last.
  void raise() {
    if (!first_) return;
    const auto place = [](const Remark& r) { return std::tuple(r.line == 0, r.line, r.column); };
    std::ranges::stable_sort(parts_, {}, place);
    throw Error(first_->kind(), first_->sentence()).code(first_->class_code()).with_parts(parts_);
  }

 private:
  std::optional<Error> first_;
  std::vector<Remark> parts_;
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

/// Mistakes of the recipe, and those that show without any model. @return whether a plan can still be made of it
bool check_alone(const recipe::Recipe& recipe, const StageOptions& options, Findings& findings) {
  recipe::Diagnostics diagnostics = recipe.diagnostics;
  for (const recipe::MergeDocument& document : recipe.documents) plan::check_without_models(document, diagnostics);
  collect(findings, [&] { diagnostics.throw_if_errors(options.plan.strict); });
  return !recipe.diagnostics.has_errors();
}

/// @return whether all are there and can be read
bool check_references(const recipe::Recipe& recipe, ModelShelf& shelf, Findings& findings) {
  ModelErrors errors(recipe);
  for (const recipe::MergeDocument& document : recipe.documents) {
    for (const recipe::ModelReference& model : document.models()) {
      if (names_stage(recipe, model.path)) continue;
      try {
        shelf.get(document, model);
      } catch (const Error& error) {
        errors.add(error, model);
      }
    }
  }
  bool good = false;
  collect(findings, [&] {
    errors.raise();
    good = true;
  });
  return good;
}

bool needs_any(const recipe::MergeDocument& document, const std::vector<std::string>& stages) {
  return std::ranges::any_of(document.models(), [&](const recipe::ModelReference& model) {
    return std::ranges::find(stages, model.path) != stages.end();
  });
}

bool check_plan(std::size_t document, StagePlanner& planner, Findings& findings, CheckResult& result) {
  bool good = false;
  collect(findings, [&] {
    const Stage stage = planner.plan(document);
    result.remarks.insert(result.remarks.end(), stage.remarks.begin(), stage.remarks.end());
    good = true;
  });
  return good;
}

}  // namespace

CheckResult check_recipe(const std::string& path, const io::SearchPlaces& search, const StageOptions& options) {
  const auto alone = comm::Communicator::alone();
  const recipe::Recipe recipe = recipe::read_recipe(path, read_recipe_text(path), options.dialect);
  Findings findings;
  const bool whole = check_alone(recipe, options, findings);
  ModelShelf shelf(search, options.dialect);
  const bool all_there = check_references(recipe, shelf, findings);
  CheckResult result;
  result.strict = std::ranges::any_of(recipe.documents, [](const auto& d) { return d.extensions.strict; });
  if (whole && all_there) {
    recipe::Diagnostics diagnostics(recipe.path, recipe.text);
    const auto order = recipe::stage_order(recipe.documents, diagnostics);
    collect(findings, [&] { diagnostics.throw_if_errors(); });
    StagePlanner planner(alone, recipe, search, options);
    std::vector<std::string> failed;
    for (const std::size_t index : order) {
      const recipe::MergeDocument& document = recipe.documents[index];
      // A document that needs a stage which cannot be planned would only complain of its absence.
      const bool in_vain = needs_any(document, failed);
      if (in_vain || !check_plan(index, planner, findings, result)) failed.push_back(document.name);
    }
  }
  findings.raise();
  return result;
}

}  // namespace stockpot::engine
