// What can be said of a document before any model is looked at.
#pragma once

#include "recipe/recipe.hpp"

namespace stockpot::plan {

/// Adds diagnostics: methods, bases, numbers of models, parameters that the method does not know or cannot read.
void check_without_models(const recipe::MergeDocument& document, recipe::Diagnostics& diagnostics);

}  // namespace stockpot::plan
