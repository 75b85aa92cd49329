// Where a model stores what an adapter changes: perhaps under another root, "layers.0" for "model.layers.0"; a head
// that is tied perhaps nowhere.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/catalogue.hpp"

namespace stockpot::plan {

/// Takes components off the front of a name and puts others there.
struct RootEdit {
  std::string remove;  ///< with its last dot: "model."; or empty
  std::string add;     ///< likewise
  bool operator==(const RootEdit&) const = default;
};

/// Finds the edit under which a model has all `targets`: none if they are there as they are. Heads may be missing in
/// models that store none, because they tie them.
/// @param stored   ascending by name.   @param targets  names of tensors, as the adapter calls them; not empty.
/// @return nothing if no edit does, or if several do.
std::optional<RootEdit> find_root_edit(std::span<const StoredTensor> stored, const std::vector<std::string>& targets);

/// The name under which a model has `target`: edited, else as it is, else, of a head, beside the root that the edit puts.
/// @return nothing if it has none of them.
std::optional<std::string> stored_name(std::span<const StoredTensor> stored, const RootEdit& edit,
                                       const std::string& target);

/// The tensor that a model uses as embedding and head: it ties them, or does not say, and stores no head.
/// @return nullptr if there is none.
const StoredTensor* tied_embedding(const Catalogue& model);

/// Gives a model that ties its head one of this name, at the embedding's bytes. It ties no more then.
void untie_head(Catalogue& model, const std::string& name);

}  // namespace stockpot::plan
