// A recipe as it was written: names, numbers and where they stand. No file of a model has been looked at.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/dtype.hpp"
#include "recipe/extensions.hpp"
#include "recipe/model_reference.hpp"
#include "recipe/parameters.hpp"
#include "recipe/setting.hpp"

namespace stockpot::recipe {

/// One input of a slice. A `models:` entry is an input that spans all layers.
struct InputSlice {
  ModelReference model;
  std::optional<std::pair<std::uint64_t, std::uint64_t>> layers;  ///< half open; nothing: all layers of the model
  Parameters parameters;
  std::string key;  ///< identity for random streams: `key:` if given, else the model's text
  Position at;
};

struct OutputSlice {
  std::vector<InputSlice> sources;
  std::optional<ModelReference> base_model;  ///< of this slice alone; nothing: the document's
  Parameters parameters;
  Position at;
};

struct Module {
  std::string name;  ///< empty: every module of the architecture
  std::vector<OutputSlice> slices;
  Parameters parameters;
  Position at;
};

/// One document: one merge. A `models:` list is one module without name, of one slice, whose sources are the models.
struct MergeDocument {
  std::string name;  ///< of a stage; empty for the final merge
  Position at;
  std::string method;
  Position method_at;
  std::vector<Module> modules;
  std::optional<ModelReference> base_model;
  Parameters parameters;
  std::optional<DType> dtype;
  Position dtype_at;
  std::optional<DType> out_dtype;
  Position out_dtype_at;
  Extensions extensions;

  /// Every model that takes part or is the base, each once, in document order, the base last if it is not listed.
  std::vector<ModelReference> models() const;
  /// Donor of config.json, tokenizer and companion files: the base model, else the first model.
  const ModelReference& anchor() const;
};

struct Recipe {
  std::string path;  ///< of the file, for messages
  std::string text;  ///< the bytes as read
  std::vector<MergeDocument> documents;
  Diagnostics diagnostics;  ///< warnings that parsing met; errors never get this far
};

/// Parses a recipe. Pure: the bytes come from the caller. Names of methods and of their parameters are not looked at.
/// @param path  for messages only.   @throws Error(recipe) whose report shows every mistake found, up to 20.
Recipe parse_recipe(std::string path, std::string text);

}  // namespace stockpot::recipe
