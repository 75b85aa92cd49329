// One document of a recipe, from YAML nodes to a merge.
#pragma once

#include <optional>

#include "recipe/node.hpp"
#include "recipe/recipe.hpp"

namespace stockpot::recipe {

/// Reads a document, all but its `text`. What it cannot read it reports, and leaves at its default.
/// @return nothing if this is no merge at all.
std::optional<MergeDocument> read_merge_document(const Node& node, Dialect dialect, Diagnostics& diagnostics);

}  // namespace stockpot::recipe
