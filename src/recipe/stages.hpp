// Documents of one file that refer to each other: a model whose path is the name of another document is its output.
#pragma once

#include <vector>

#include "recipe/recipe.hpp"

namespace stockpot::recipe {

/// Takes the revision off references to stages, with a warning (REF010).
void settle_stage_references(std::vector<MergeDocument>& documents, Diagnostics& diagnostics);

/// Whether a document is a stage that another one refers to.
bool is_read_by_others(const MergeDocument& stage, const std::vector<MergeDocument>& documents);

}  // namespace stockpot::recipe
