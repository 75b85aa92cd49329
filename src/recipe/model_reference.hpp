// A model as a recipe names it.
#pragma once

#include <optional>
#include <string>

#include "recipe/node.hpp"

namespace stockpot::recipe {

/// A model reference: "PATH[@REVISION]", or as a mapping for paths with '+' or '@'.
struct ModelReference {
  std::string text;      ///< canonical; identity of the model in messages, maps and random streams
  std::string path;      ///< a leading "~/" is left to whoever looks for the model
  std::string revision;  ///< empty: none asked for
  Position at;
  bool operator==(const ModelReference& other) const { return text == other.text; }
};

/// Reads a reference. Reports what is wrong with it (CFG005, CFG020, REF001, REF002, REF003), and what this version
/// cannot do: adapters (REF020), another architecture (CFG015).
std::optional<ModelReference> read_model_reference(const Node& node, Diagnostics& diagnostics);

}  // namespace stockpot::recipe
