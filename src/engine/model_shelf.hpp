// The models of a job as one rank finds and reads them: each once, whatever number of stages names it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/catalogue.hpp"
#include "io/checkpoint.hpp"
#include "io/model_folder.hpp"
#include "recipe/recipe.hpp"

namespace stockpot::engine {

/// A model with everything that is small: headers, adapters, side files.
struct ShelvedModel {
  Catalogue catalogue;
  io::ModelFolder folder;
  /// Where an adapter that brings embeddings of another size brings a tokenizer for them; then it counts.
  std::optional<io::ModelFolder> adapter_tokenizer = {};
  std::optional<std::uint64_t> adapter_rows = {};  ///< of those embeddings

  const io::ModelFolder& tokenizer_folder() const { return adapter_tokenizer ? *adapter_tokenizer : folder; }
  /// How many tokens it has room for: `vocab_size` of config.json if an embedding has as many rows, else what the largest
  /// embedding or `vocab_size` says, whichever is more: some classes add rows (Llama 3.2 Vision), and padding may hold
  /// tokens. Nothing: neither says anything.
  std::optional<std::uint64_t> token_rows() const;
};

class ModelShelf {
 public:
  /// @param dialect  models of raw recipes are files: their names say nothing, and they have no configuration.
  ModelShelf(io::SearchPlaces places, recipe::Dialect dialect) : places_(std::move(places)), dialect_(dialect) {}

  /// Local. A model as the document needs it: of one that takes no part and has no adapters the folder, no weights.
  /// @throws Error(corrupt_input): not found, unreadable, an adapter that is none.
  const ShelvedModel& get(const recipe::MergeDocument& document, const recipe::ModelReference& reference);
  /// Where a path leads to that is none of this job's stages, if it leads anywhere.
  std::optional<std::string> find(const std::string& path, const std::string& revision = "") const;
  /// What references to this path mean from now on: a stage that is planned, or that has been made.
  void put(const std::string& stage, ShelvedModel model);

 private:
  struct Known {
    std::string path;  // of the reference
    ShelvedModel model;
  };

  ShelvedModel read(const recipe::ModelReference& reference) const;
  ShelvedModel read_from_disk(const recipe::ModelReference& reference) const;
  ShelvedModel find_folder(const recipe::ModelReference& reference) const;
  void add_adapters(const recipe::ModelReference& reference, ShelvedModel& model) const;

  io::SearchPlaces places_;
  recipe::Dialect dialect_;
  std::map<std::string, ShelvedModel> stages_;   // by name
  std::map<std::string, Known> models_;          // by the reference's text
  std::map<std::string, ShelvedModel> folders_;  // likewise: of models without their weights
};

/// What the tensors of packed weights' shapes hold, by name. Local; a read for each.
std::map<std::string, Shape> read_packed_shapes(const Catalogue& model);

/// Stored heads that are the embedding once more, byte for byte: what the plan must not take for heads of their own.
/// Local; reads both, up to the first difference.
std::vector<std::string> find_tied_copies(const Catalogue& model);

}  // namespace stockpot::engine
