// Adapters held against the model that they belong to: which stored tensors they change, and how.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/catalogue.hpp"

namespace stockpot::plan {

/// What one adapter does to one stored tensor W. A is [r, in], B is [out, r]; all arithmetic is in the tile's type.
struct AdapterPart {
  enum class Kind {
    low_rank,             ///< W + s B A
    low_rank_transposed,  ///< W + s (B A)^T: layers that store [in, out], and embeddings
    bias,                 ///< b + s v
    replacement,          ///< W + w (saved - W)
  };
  Kind kind = Kind::low_rank;
  std::uint32_t adapter = 0;                    ///< index into Catalogue::adapters
  std::uint32_t a = 0, b = 0;                   ///< indices into Adapter::tensors; one-tensor kinds use `a`
  std::optional<std::uint32_t> magnitude = {};  ///< DoRA's, likewise
  double scale = 1.0;                           ///< s: alpha / r or alpha / sqrt(r), times the adapter's weight; for a
                                                ///< replacement w
};

/// Parts by stored tensor (index into Catalogue::tensors), in the order in which they are added.
using AdaptedTensors = std::map<std::uint32_t, std::vector<AdapterPart>>;

/// Finds the targets of a model's adapters. A tensor that an adapter of weight 1 replaces altogether is exchanged in
/// `model.tensors` for the adapter's.
/// @param warnings  gets REF025 and remarks on tied embeddings.
/// @throws Error(corrupt_input): REF022 partner or target missing, REF023 shapes, REF024 tensors left over.
AdaptedTensors adapt(Catalogue& model, std::vector<std::string>& warnings);

/// Stored elements that must be read to decode `elements` consecutive ones: more than that where a part needs the norms
/// of whole rows.
std::uint64_t elements_to_read(const StoredTensor& tensor, std::span<const AdapterPart> parts, std::uint64_t elements);

}  // namespace stockpot::plan
