// The part of the `stockpot:` block that treats some tensors otherwise: `include`, `exclude`, `overrides`, `rename`.
#pragma once

#include <string>
#include <vector>

#include "recipe/extensions.hpp"
#include "recipe/fields.hpp"

namespace stockpot::recipe {

/// A list of filters. Reports CFG020 and CFG044.
std::vector<std::string> read_filters(const Node& node, Diagnostics& diagnostics);

/// Reads the keys of these rules out of the block.
void read_tensor_rules(const Fields& block, Extensions& extensions, Diagnostics& diagnostics);

}  // namespace stockpot::recipe
