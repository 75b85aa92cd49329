#include "plan/dry_check.hpp"

#include "plan/parameters.hpp"
#include "plan/participants.hpp"

namespace stockpot::plan {
namespace {

void check_slice(const recipe::MergeDocument& document, const ModelList& models, const recipe::Module& module,
                 const recipe::OutputSlice& slice, const recipe::Override* override, recipe::Diagnostics& diagnostics) {
  const auto who = find_participants(document, models, module, slice, override, diagnostics);
  if (!who) return;
  std::set<std::string> reported;
  ParameterTable(*who, diagnostics, reported);
}

}  // namespace

void check_without_models(const recipe::MergeDocument& document, recipe::Diagnostics& diagnostics) {
  const ModelList models(document);
  if (models.all().empty()) return;
  for (const recipe::Module& module : document.modules) {
    for (const recipe::OutputSlice& slice : module.slices) {
      if (slice.sources.empty()) continue;
      check_slice(document, models, module, slice, nullptr, diagnostics);
      for (const auto& override : document.extensions.overrides) {
        check_slice(document, models, module, slice, &override, diagnostics);
      }
    }
  }
}

}  // namespace stockpot::plan
