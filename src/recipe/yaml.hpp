// YAML text to nodes, within limits: with yaml_writer the only place that knows yaml-cpp.
#pragma once

#include <string_view>
#include <vector>

#include "recipe/node.hpp"

namespace stockpot::recipe {

/// The documents that are not empty. Reports duplicate keys (CFG003), foreign tags (CFG004) and keys that are no text
/// (CFG020), and goes on.
/// @param text  passed check_text(); without byte order mark.
/// @throws Error(recipe) for syntax, cycles and deep nesting (CFG002), and for more than 64 documents, 200,000 nodes,
///         1 MiB in a scalar or 8 MiB in all scalars, aliases unfolded (CFG001).
std::vector<Node> read_yaml(std::string_view text, Diagnostics& diagnostics);

}  // namespace stockpot::recipe
