// A recipe written back, with all that was left to defaults.
#pragma once

#include <string>

#include "recipe/recipe.hpp"

namespace stockpot::recipe {

/// The documents as they were understood, as YAML: old forms, aliases and merge keys resolved, numbers in decimal,
/// defaults filled in. Read again in the same dialect, the text gives the same documents, apart from places, the
/// documents' own texts and what has no effect. (Slices without layers, which `layer_slices` may turn into, are warned
/// of when they are read again; under `strict` that is an error.)
std::string print_recipe(const Recipe& recipe);

}  // namespace stockpot::recipe
