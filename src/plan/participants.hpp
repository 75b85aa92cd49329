// Which models a merge takes, and as what.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/catalogue.hpp"
#include "methods/method.hpp"
#include "recipe/recipe.hpp"

namespace stockpot::plan {

/// Indices of a document's models, as MergeDocument::models() lists them.
class ModelList {
 public:
  explicit ModelList(const recipe::MergeDocument& document) : models_(document.models()) {}
  std::uint32_t index_of(const recipe::ModelReference& model) const;
  const std::vector<recipe::ModelReference>& all() const { return models_; }

 private:
  std::vector<recipe::ModelReference> models_;
};

/// The roles of the sources of one slice under one method. Points into the document.
struct Participants {
  struct Input {
    std::uint32_t model = 0;                     ///< index into document.models()
    const recipe::InputSlice* source = nullptr;  ///< nullptr: a base that is not among the sources
    std::string key;                             ///< identity for random streams
    recipe::Position at;
  };
  const methods::MethodSpec* method = nullptr;
  recipe::Position method_at;
  const recipe::Parameters* document_parameters = nullptr;
  const recipe::Module* module = nullptr;
  const recipe::OutputSlice* slice = nullptr;
  const recipe::Override* override = nullptr;  ///< what is different for the tensors of its filter
  std::vector<Input> inputs;                   ///< in configuration order, without the base where the method uses one
  std::optional<std::uint32_t> base;           ///< only where the method uses it
  std::optional<std::uint32_t> named_base;     ///< of the slice or the document, whether the method uses it or not
  std::uint32_t anchor = 0;
};

/// Adds a diagnostic for each mistake: method unknown, no base, base not among the sources, too few or too many models.
/// @param override  of the document, or nullptr for the tensors that no override names.
/// @return nothing if the method is unknown.
std::optional<Participants> find_participants(const recipe::MergeDocument& document, const ModelList& models,
                                              const recipe::Module& module, const recipe::OutputSlice& slice,
                                              const recipe::Override* override, recipe::Diagnostics& diagnostics);

/// Adds a diagnostic for each model that takes part and is of another architecture than the first.
void check_architectures(const recipe::MergeDocument& document, const ModelList& models,
                         std::span<const Catalogue> catalogues, recipe::Diagnostics& diagnostics);

}  // namespace stockpot::plan
