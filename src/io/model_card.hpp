// README.md of a merge: what it was made of, for the people who find it on a hub or on a disk.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stockpot::io {

struct ModelCard {
  struct Model {
    std::string reference;  ///< canonical text
    bool is_local = false;  ///< found as a path: never linked to the hub
  };
  std::string title;          ///< name of the output directory
  std::string method;         ///< "ties"
  std::string method_source;  ///< "arXiv:2306.01708", or text
  std::vector<Model> base;    ///< one, or none if the method uses none
  std::vector<Model> models;  ///< the others
  std::string recipe;         ///< the recipe file
};

/// Front matter and Markdown. Absolute local paths are shown by their last component, in the recipe too.
std::string to_markdown(const ModelCard& card);

/// Local. Writes README.md and, byte for byte, the recipe as mergekit_config.yml.
void write_model_card(const ModelCard& card, const std::string& directory);

}  // namespace stockpot::io
