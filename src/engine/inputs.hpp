// What a command works on: the recipe and the headers of its models, read by one rank, known to all.
#pragma once

#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "core/catalogue.hpp"
#include "io/checkpoint.hpp"
#include "recipe/recipe.hpp"

namespace stockpot::engine {

struct Inputs {
  recipe::Recipe recipe;
  std::vector<Catalogue> models;  ///< of the document's models(), in that order
  std::vector<std::string> warnings;

  const recipe::MergeDocument& document() const { return recipe.documents.front(); }
};

/// Collective. Rank 0 reads the recipe and all headers; every rank parses the same bytes.
/// @throws Error alike on all ranks.
Inputs load_inputs(const comm::Communicator& comm, const std::string& recipe_path, io::SearchPlaces places);

/// Local. @throws Error(corrupt_input, FMT009) if a file of a model is no longer what its catalogue says.
void check_unchanged(const Catalogue& model);

}  // namespace stockpot::engine
