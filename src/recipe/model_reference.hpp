// A model as a recipe names it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "recipe/node.hpp"

namespace stockpot::recipe {

/// A model reference: "PATH[@REVISION]", then any number of "+ADAPTER[@REVISION][*WEIGHT]"; or as a mapping for paths
/// with '+', '@' or '*'.
///
/// Canonical texts are equal exactly where references are. They are the string form, without weights of 1, where that
/// can say it; a path or revision with '+', '@' or (of an adapter) '*' is shown as {path: PATH}@REVISION, and another
/// architecture as {model: ..., override_architecture: NAME}.
struct ModelReference {
  struct Adapter {
    std::string text;  ///< canonical, without the weight
    std::string path;
    std::string revision;  ///< empty: none asked for
    double weight = 1.0;   ///< finite
  };
  std::string text;                        ///< canonical; identity of the model in messages, maps and random streams
  std::string path;                        ///< a leading "~/" is left to whoever looks for the model
  std::string revision;                    ///< empty: none asked for
  std::vector<Adapter> adapters = {};      ///< in the order in which they are added
  std::string override_architecture = {};  ///< empty: as config.json says
  Position at;
  bool operator==(const ModelReference& other) const { return text == other.text; }
};

/// Reads a reference. Reports what is wrong with it (CFG005, CFG020, REF001, REF002, REF003).
std::optional<ModelReference> read_model_reference(const Node& node, Diagnostics& diagnostics);
/// Reads the path of a weight file: a text in which nothing is split. Reports CFG020 and REF003.
std::optional<ModelReference> read_file_reference(const Node& node, Diagnostics& diagnostics);

/// Forgets the revision: the references of one stage to another have none.
void drop_revision(ModelReference& reference);
/// Whether the canonical text, read as a string, is this reference again.
bool has_string_form(const ModelReference& reference);

}  // namespace stockpot::recipe
