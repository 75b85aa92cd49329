#include "recipe/recipe.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include "recipe/merge_document.hpp"
#include "recipe/text.hpp"
#include "recipe/yaml.hpp"

namespace stockpot::recipe {
namespace {

std::vector<MergeDocument> read_documents(const std::vector<Node>& nodes, Diagnostics& diagnostics) {
  if (nodes.empty())
    diagnostics.error("CFG010", {}, "the recipe is empty", "it needs at least 'merge_method' and 'models'");
  if (nodes.size() > 1) {
    diagnostics.error("CFG015", nodes[1].at, "several documents in one file are not supported by this version yet",
                      "write each merge into a file of its own, and run them one after the other");
  }
  std::vector<MergeDocument> documents;
  for (const Node& node : nodes) documents.push_back(read_merge_document(node, diagnostics));
  return documents;
}

}  // namespace

std::vector<ModelReference> MergeDocument::models() const {
  std::vector<ModelReference> all;
  std::set<std::string_view> known;
  const auto add = [&](const ModelReference& model) {
    if (known.insert(model.text).second) all.push_back(model);
  };
  for (const Module& module : modules) {
    for (const OutputSlice& slice : module.slices) {
      for (const InputSlice& source : slice.sources) add(source.model);
    }
  }
  for (const Module& module : modules) {
    for (const OutputSlice& slice : module.slices) {
      if (slice.base_model) add(*slice.base_model);
    }
  }
  if (base_model) add(*base_model);
  return all;
}

const ModelReference& MergeDocument::anchor() const {
  return base_model ? *base_model : modules.at(0).slices.at(0).sources.at(0).model;
}

Recipe parse_recipe(std::string path, std::string text, Dialect) {
  Recipe recipe{
      .path = path, .text = text, .documents = {}, .diagnostics = Diagnostics(std::move(path), std::move(text))};
  const std::string_view yaml = without_mark(recipe.text);
  check_text(yaml, recipe.diagnostics);
  recipe.documents = read_documents(read_yaml(yaml, recipe.diagnostics), recipe.diagnostics);
  const bool strict = std::any_of(recipe.documents.begin(), recipe.documents.end(),
                                  [](const MergeDocument& document) { return document.extensions.strict; });
  recipe.diagnostics.throw_if_errors(strict);
  return recipe;
}

}  // namespace stockpot::recipe
