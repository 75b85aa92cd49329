// From a file to a recipe that is alike on all ranks, without mistakes that show before any model is looked at.
#pragma once

#include <string>

#include "comm/communicator.hpp"
#include "recipe/recipe.hpp"

namespace stockpot::engine {

/// Collective. Rank 0 reads the recipe; every rank parses the same bytes.
recipe::Recipe load_recipe(const comm::Communicator& comm, const std::string& path,
                           recipe::Dialect dialect = recipe::Dialect::merge);

/// Local. A recipe without mistakes that show without models. @param path  for messages.   @throws Error(recipe)
recipe::Recipe checked_recipe(const std::string& path, std::string text,
                              recipe::Dialect dialect = recipe::Dialect::merge);

/// Local. @throws Error(recipe) if the file cannot be read.
std::string read_recipe_text(const std::string& path);

}  // namespace stockpot::engine
