// One document of a recipe, from YAML nodes to a merge.
#pragma once

#include "recipe/node.hpp"
#include "recipe/recipe.hpp"

namespace stockpot::recipe {

/// Reads a document. What it cannot read it reports, and leaves at its default.
MergeDocument read_merge_document(const Node& node, Diagnostics& diagnostics);

}  // namespace stockpot::recipe
