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
#include "recipe/moe.hpp"
#include "recipe/parameters.hpp"
#include "recipe/setting.hpp"
#include "recipe/tokenizer_request.hpp"

namespace stockpot::recipe {

/// One input of a slice. A `models:` entry is an input that spans all layers.
struct InputSlice {
  ModelReference model;
  std::optional<std::pair<std::uint64_t, std::uint64_t>> layers;  ///< half open, may be empty; nothing: all layers
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
  std::string
      name;  ///< empty: `models:`, for every module of the architecture, or top-level `slices:`, for the primary one
  std::vector<OutputSlice> slices;
  Parameters parameters;
  Position at;
};

/// Which of three keys a document lists its inputs under.
enum class Form { models, slices, modules };

/// One document: one merge. A `models:` list is one module without name, of one slice, whose sources are the models.
struct MergeDocument {
  Form form = Form::models;
  std::string name;  ///< of a stage; empty for the final merge
  Position name_at;
  Position at;
  std::string method;
  Position method_at;
  std::vector<Module> modules;    ///< none where there are experts
  std::optional<MoeRequest> moe;  ///< experts instead of a method and modules; base_model is set then
  std::optional<ModelReference> base_model;
  Parameters parameters;
  std::optional<DType> dtype;
  Position dtype_at;
  std::optional<DType> out_dtype;
  Position out_dtype_at;
  std::optional<TokenizerRequest> tokenizer;
  std::optional<std::string> chat_template;  ///< "auto", the name of a built-in one, or Jinja
  Position chat_template_at;
  Extensions extensions;
  std::string text;  ///< of this document alone, as written; the whole file if it holds no other

  /// Every model that takes part or is a base, each once, in document order, bases last if they are not listed; at the
  /// very end those that only the tokenizer names.
  std::vector<ModelReference> models() const;
  /// Whether a model of models() is named by more than the tokenizer's source: no other's weights are wanted.
  bool takes_part(const ModelReference& model) const;
  /// Router rows come from a file, which models() lists last.
  bool takes_gate_vectors() const { return moe && moe->has_hidden_gates() && extensions.gate_vectors; }
  /// Donor of config.json, tokenizer and companion files: the base model, else the first model.
  /// @pre the document has a model, as those of parse_recipe() have.
  const ModelReference& anchor() const;
};

struct Recipe {
  std::string path;  ///< of the file, for messages
  std::string text;  ///< the bytes as read
  std::vector<MergeDocument> documents;
  Diagnostics diagnostics;  ///< what parsing met: of parse_recipe() warnings only
};

/// Indices of the documents in an order in which every stage comes after those that it refers to by name, ties in
/// document order. Reports STG001, STG002, STG003 and STG005.
std::vector<std::size_t> stage_order(const std::vector<MergeDocument>& documents, Diagnostics& diagnostics);

/// What a recipe is read as: `raw` documents name weight files, literally.
enum class Dialect { merge, raw };

/// Like parse_recipe(), but mistakes are left in `diagnostics` and what could be read is there: for showing all that is
/// wrong at once. Documents that are no merge at all are left out.
Recipe read_recipe(std::string path, std::string text, Dialect dialect = Dialect::merge);

/// Parses a recipe. Pure: the bytes come from the caller. Names of methods and of their parameters are not looked at.
/// @param path  for messages only.   @throws Error(recipe) whose report shows every mistake found, up to 20.
Recipe parse_recipe(std::string path, std::string text, Dialect dialect = Dialect::merge);

}  // namespace stockpot::recipe
