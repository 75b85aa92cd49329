// Which documents of a recipe a job has to make, and in which order.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "core/nearest.hpp"
#include "engine/job.hpp"

namespace stockpot::engine {
namespace {

/// Adds a document and all stages that it refers to, those first.
void add_needed(const recipe::Recipe& recipe, std::size_t wanted, const std::vector<std::size_t>& order,
                std::set<std::size_t>& needed) {
  if (!needed.insert(wanted).second) return;
  for (const recipe::ModelReference& model : recipe.documents[wanted].models()) {
    for (const std::size_t other : order) {
      if (!recipe.documents[other].name.empty() && recipe.documents[other].name == model.path) {
        add_needed(recipe, other, order, needed);
      }
    }
  }
}

/// Whether all that is to be made has a place to go to: where there is no final merge, nothing is beside it.
void check_places(const recipe::Recipe& recipe, const std::vector<std::size_t>& chosen, const StagePlaces& places,
                  recipe::Diagnostics& diagnostics) {
  const auto last = std::ranges::find_if(chosen, [&](std::size_t d) { return recipe.documents[d].name.empty(); });
  if (places.out.empty() && last != chosen.end()) {
    diagnostics.error("STG006", recipe.documents[*last].at, "no output was given for this document",
                      "give the output's path after the recipe");
  }
  if (!places.intermediate && last == chosen.end() && !chosen.empty()) {
    diagnostics.error("STG006", recipe.documents[chosen.back()].name_at,
                      "nothing but named stages is to be made, and no place was given for them",
                      "--intermediate-dir DIR keeps each in DIR/NAME");
  }
}

/// Each has its output files open, and a thread that commits.
constexpr std::size_t most_stages_of_a_sweep = 16;

}  // namespace

std::vector<std::size_t> stages_to_make(const recipe::Recipe& recipe, const StagePlaces& places) {
  recipe::Diagnostics diagnostics(recipe.path, recipe.text);
  const std::vector<std::size_t> order = recipe::stage_order(recipe.documents, diagnostics);
  std::set<std::size_t> needed(order.begin(), order.end());
  if (places.only) {
    std::vector<std::string> names;
    for (const auto& document : recipe.documents) names.push_back(document.name);
    const auto wanted = std::ranges::find(names, *places.only);
    if (names.size() == 1) {
      diagnostics.error("STG006", {}, "--only: a recipe of one document has no stages",
                        "the name of an only document has no effect: give its output after the recipe");
    } else if (wanted == names.end() || places.only->empty()) {
      diagnostics.error("STG006", {}, fmt::format("--only: the recipe has no stage '{}'", printable(*places.only)),
                        did_you_mean(*places.only, names));
    } else {
      needed.clear();
      add_needed(recipe, static_cast<std::size_t>(wanted - names.begin()), order, needed);
    }
  }
  diagnostics.throw_if_errors();
  std::vector<std::size_t> chosen;
  std::ranges::copy_if(order, std::back_inserter(chosen), [&](std::size_t d) { return needed.contains(d); });
  check_places(recipe, chosen, places, diagnostics);
  diagnostics.throw_if_errors();
  return chosen;
}

std::size_t stages_together(const recipe::Recipe& recipe, std::span<const Stage> stages, const JobSettings& settings) {
  const auto document_of = [&](const Stage& stage) -> const recipe::MergeDocument& {
    return recipe.documents[stage.document];
  };
  if (settings.options.trace != nullptr || stages.front().name.empty()) return 1;
  std::size_t many = 1;
  for (; many < std::min(stages.size(), most_stages_of_a_sweep) && !stages[many].name.empty(); ++many) {
    const recipe::MergeDocument& document = document_of(stages[many]);
    if (settings.schedule(document_of(stages.front())) != settings.schedule(document)) break;
    const auto before = stages.first(many);
    const bool uses_one = std::ranges::any_of(document.models(), [&](const recipe::ModelReference& model) {
      return std::ranges::find(before, model.path, &Stage::name) != before.end();
    });
    if (uses_one) break;
  }
  return many;
}

}  // namespace stockpot::engine
