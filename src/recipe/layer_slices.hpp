// The old form of layer stacking: `layer_slices`, and whose embedding and head the output takes.
#pragma once

#include "recipe/fields.hpp"
#include "recipe/recipe.hpp"

namespace stockpot::recipe {

/// Rewrites the form as what it means: method passthrough, a slice for each entry, its `scale` for `down_proj` only,
/// and slices without layers at both ends for `embedding_source` and `lm_head_source`, which supply the tensors before
/// and after the layers. Keys that such a document has no use for are reported (CFG007).
void read_layer_slices(const Fields& fields, MergeDocument& document, Diagnostics& diagnostics);

}  // namespace stockpot::recipe
