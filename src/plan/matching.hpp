// The models' tensors side by side: which output tensors there are, who holds them, and what does not fit together.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/catalogue.hpp"
#include "plan/differences.hpp"
#include "plan/participants.hpp"
#include "plan/plan.hpp"

namespace stockpot::plan {

/// What can be said of an output tensor by names, types and shapes alone.
struct MatchedTensor {
  std::string_view name;
  Shape shape = {};
  bool copy = false;    ///< the bytes of sources[0]
  bool opaque = false;  ///< of a type that methods cannot compute with: only a method that copies will do
  std::vector<std::uint32_t> present;  ///< inputs that take part, indices into Participants::inputs
  std::vector<SourceTensor> sources;   ///< parallel to present
  std::optional<SourceTensor> base;
};

struct Matching {
  std::vector<MatchedTensor> tensors;  ///< ascending by name, bytewise
  std::vector<std::string> warnings;
  Differences differences;
  bool unties_head = false;                 ///< some model's tied embedding stands in for a head that others store
  std::optional<std::uint64_t> vocabulary;  ///< rows of embeddings that were cut shorter than the anchor's
};

struct MatchOptions {
  bool allow_crimes = false;         ///< more than a tenth of the tensors may be missing somewhere
  bool truncate_embeddings = false;  ///< embeddings of different size: all are cut, whatever the method's rule
};

/// @param catalogues  of all models; names in the result point into them.
/// @throws Error(recipe, TEN008) if more than a tenth of the tensors are missing somewhere and `allow_crimes` is false.
Matching match_tensors(std::span<const Catalogue> catalogues, const Participants& participants,
                       const recipe::Extensions& extensions, MatchOptions options);

}  // namespace stockpot::plan
