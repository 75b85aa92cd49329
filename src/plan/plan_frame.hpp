// What every plan begins and ends with, whatever kind of document it is of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plan/differences.hpp"
#include "plan/plan.hpp"
#include "plan/slices.hpp"

namespace stockpot::plan {

/// With what reading the recipe has warned of.
recipe::Diagnostics begin_diagnostics(const recipe::Recipe& recipe);

/// A plan of no tensors yet: models and what their adapters do to them, and the choices of recipe and command line.
MergePlan begin_plan(const recipe::MergeDocument& document, std::vector<Catalogue> catalogues, std::uint32_t anchor,
                     const PlanOptions& options);

/// @throws Error with all mistakes of the recipe and of the models, if there are any.
void raise_mistakes(const std::string& path, const recipe::Diagnostics& diagnostics, const Differences& differences,
                    bool strict);

/// What was met on the way.
struct Findings {
  const recipe::Diagnostics& diagnostics;
  const Views& views;
  const Differences& differences;
};

/// Deals the tensors to shards and puts the warnings in order.
void finish_plan(const recipe::Recipe& recipe, const recipe::MergeDocument& document, const PlanOptions& options,
                 const Findings& found, MergePlan& plan);

}  // namespace stockpot::plan
