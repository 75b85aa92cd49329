// Which models a merge takes, and as what.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/catalogue.hpp"
#include "methods/method.hpp"
#include "recipe/recipe.hpp"

namespace stockpot::plan {

/// The roles of a document's models. Points into the document.
struct Participants {
  struct Input {
    std::uint32_t model = 0;  ///< index into document.models()
    const recipe::InputSlice* source = nullptr;
  };
  const methods::MethodSpec* method = nullptr;
  const recipe::Module* module = nullptr;
  const recipe::OutputSlice* slice = nullptr;
  std::vector<Input> inputs;          ///< in configuration order, without the base where the method uses one
  std::optional<std::uint32_t> base;  ///< only where the method uses it
  std::uint32_t anchor = 0;
};

/// Adds a diagnostic for each mistake: method unknown, no base, too few or too many models, layer ranges
/// that are not the whole model, architectures that differ.
/// @param catalogues    of document.models().
/// @return nothing if the document cannot be understood any further.
std::optional<Participants> find_participants(const recipe::MergeDocument& document,
                                              std::span<const Catalogue> catalogues, bool allow_crimes,
                                              recipe::Diagnostics& diagnostics);

}  // namespace stockpot::plan
