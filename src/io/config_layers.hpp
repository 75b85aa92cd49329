// What a config.json says about layers, when the output has others than the anchor.
#pragma once

#include <string>
#include <vector>

#include "core/config_edits.hpp"
#include "io/json_text.hpp"

namespace stockpot::io {

/// Sets the count of each stack. In the object that holds it, lists with an entry for each layer (layer_types ...)
/// follow the layers, and so do lists of layer numbers (mlp_only_layers ...).
/// @param path      for messages.
/// @param warnings  ARC030: a list that could not follow: not known, or the anchor has no such layer; ARC031: a number
///                  whose meaning depends on the order of layers; both are left as they are. ARC032: no such count.
void edit_layers(JsonText& config, const std::vector<ConfigEdits::Layers>& stacks, const std::string& path,
                 std::vector<std::string>& warnings);

/// The edit for a reader: "num_hidden_layers = 40".
std::string layers_text(const ConfigEdits::Layers& stack);

}  // namespace stockpot::io
