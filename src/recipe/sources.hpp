// What a document merges: `models`, `slices` or `modules`, as modules of slices of sources.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "recipe/node.hpp"
#include "recipe/recipe.hpp"

namespace stockpot::recipe {

/// How a document writes a model: read_model_reference() or read_file_reference().
using ReadReference = std::optional<ModelReference> (*)(const Node& node, Diagnostics& diagnostics);

/// A list of whole models: one slice. Reports CFG005, CFG006, CFG020 and what references and parameters report.
OutputSlice read_models(const Node& node, ReadReference read_reference, Diagnostics& diagnostics);
/// A list of slices. Reports CFG030 to CFG033 too, CFG012 for a slice without sources, CFG007 for `residual_weight`.
std::vector<OutputSlice> read_slices(const Node& node, Diagnostics& diagnostics);
/// {name: module}. Reports CFG014 too, for a module with both or neither of `models` and `slices`.
std::vector<Module> read_modules(const Node& node, Diagnostics& diagnostics);

/// The half-open range of layers from two numbers. Reports CFG030 to CFG033.
/// @param at  of what holds both.
std::optional<std::pair<std::uint64_t, std::uint64_t>> read_layers(const Node& start, const Node& end, const Node& at,
                                                                   Diagnostics& diagnostics);

/// Reports models that one slice lists twice under the same key (ARC023).
void check_repetitions(const MergeDocument& document, Diagnostics& diagnostics);

}  // namespace stockpot::recipe
