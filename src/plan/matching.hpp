// The sources of a slice side by side: which output tensors there are, who holds them, and what does not fit together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/catalogue.hpp"
#include "plan/differences.hpp"
#include "plan/matched_tensor.hpp"
#include "plan/participants.hpp"
#include "plan/plan.hpp"
#include "plan/slices.hpp"
#include "plan/vocabulary_rows.hpp"

namespace stockpot::plan {

/// Collects what becomes of all tensors, over slices and methods.
struct Matching {
  Differences differences;
  bool has_head = false;                    ///< the output has a head that is not its embedding once more
  bool changes_head = false;                ///< that head is not just the anchor's
  bool unties_head = false;                 ///< some model's tied embedding stands in for a head that others store
  std::optional<std::uint64_t> vocabulary;  ///< rows of embeddings that are not the anchor's
  /// The first embedding or head that was met, and whose it is.
  struct VocabularyTensor {
    std::string name;
    std::uint64_t rows = 0;
    std::uint32_t model = 0;
  };
  std::optional<VocabularyTensor> first_of_vocabulary;
  std::vector<Gather> gathers;
  std::size_t names = 0, affected = 0;  ///< tensors; those of them that some source lacks or that do not fit
  std::vector<std::string> examples;    ///< of affected ones

  /// Adds TEN008 if more than a tenth of the tensors are affected.
  void check_pairing(recipe::Position at, recipe::Diagnostics& diagnostics) const;
};

struct MatchOptions {
  std::optional<RawTensors> raw = {};
  bool truncate_embeddings = false;  ///< embeddings of different size: all are cut, whatever the method's rule
};

/// What a slice is matched with: all models as they are.
struct MatchContext {
  std::span<const Catalogue> catalogues;
  const Views& views;
  std::span<const AdaptedTensors> adapted;
  const recipe::Extensions& extensions;
  const VocabularyRows* vocabulary = nullptr;  ///< nothing: embeddings are merged row by row as they are stored
  MatchOptions options;
  std::span<const recipe::ModelReference> references;  ///< parallel to the catalogues

  recipe::Position at(std::uint32_t model) const { return references[model].at; }
};

/// Matches the tensors of one slice that `wanted` accepts, by output name.
/// @return ascending by name, bytewise.
std::vector<MatchedTensor> match_slice(const MatchContext& context, const PlannedSlice& slice, const Participants& who,
                                       const std::function<bool(std::string_view)>& wanted, Matching& matching);

/// Tensors that are taken from one model as they are.
std::vector<MatchedTensor> copy_all(const MatchContext& context, const GivenTensors& given,
                                    const std::function<bool(const GivenTensor&)>& wanted, Matching& matching);

}  // namespace stockpot::plan
