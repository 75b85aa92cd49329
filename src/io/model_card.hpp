// README.md of a merge: what it was made of, for the people who find it on a hub or on a disk.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace stockpot::io {

struct ModelCard {
  struct Model {
    std::string reference;                  ///< canonical text
    std::vector<std::string> hub_ids = {};  ///< of it and its adapters, as far as they come from the hub
  };
  struct Method {
    std::string name;    ///< "ties"
    std::string source;  ///< "arXiv:2306.01708", or text
  };
  std::string title;            ///< name of the output directory
  std::vector<Method> methods;  ///< the document's, then those of its modules, slices and overrides
  std::vector<Model> base;      ///< one, or none if no method uses one
  std::vector<Model> models;    ///< the others
  std::string recipe;           ///< the document: of one stage if there are several
  std::string recipe_name = "mergekit_config.yml";
};

/// A model as the recipe refers to it. Its hub ids are those of the parts that were found in a hub cache: what lies elsewhere is
/// not the hub's, whatever it looks like.
/// @param directories  where the model and its adapters were found.
ModelCard::Model card_model(const std::string& reference, std::span<const std::string> directories);

/// Front matter and Markdown. Absolute local paths are shown by their last component, in the recipe and its comments
/// too.
std::string to_markdown(const ModelCard& card);

/// Local. Writes README.md and, byte for byte, the recipe.
void write_model_card(const ModelCard& card, const std::string& directory);

}  // namespace stockpot::io
