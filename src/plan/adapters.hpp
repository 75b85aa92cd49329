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

/// What one adapter does to one stored tensor W, seen as a matrix: the first dimension by all others. A is [r, in], B
/// is [out, r]; all arithmetic is in the tile's type.
struct AdapterPart {
  enum class Kind {
    low_rank,             ///< W + s B A
    low_rank_transposed,  ///< W + s (B A)^T: layers that store [in, out], and embeddings
    bias,                 ///< b + s v
    replacement,          ///< W + s (saved - W)
  };
  Kind kind = Kind::low_rank;
  std::uint32_t adapter = 0;                    ///< index into Catalogue::adapters
  std::uint32_t a = 0, b = 0;                   ///< indices into Adapter::tensors; one-tensor kinds use `a`
  std::optional<std::uint32_t> magnitude = {};  ///< DoRA's, likewise: W + w (m / |V| V - W) with V = W + s B A, norms
                                                ///< over the inputs, w the weight of the adapter
  double scale =
      1.0;  ///< s: alpha / r or alpha / sqrt(r), times the adapter's weight unless there is a magnitude; of a
            ///< replacement the weight alone
};

/// Parts by stored tensor (index into Catalogue::tensors), in the order in which they are added.
using AdaptedTensors = std::map<std::uint32_t, std::vector<AdapterPart>>;

/// Finds the targets of a model's adapters. Changes `model` where a part cannot say it: a tensor that an adapter of
/// weight 1 replaces altogether is exchanged in `model.tensors` for the adapter's; the head of a model that ties it is
/// added to them, at the embedding's bytes, if an adapter changes it, and the model ties no more.
/// @param warnings  gets REF025, and remarks on embeddings: tied, or of another size.
/// @throws Error(corrupt_input): REF021 patterns and kernels that are not supported, REF022 partner or target missing,
///         REF023 shapes and ranks, REF024 tensors left over.
AdaptedTensors adapt(Catalogue& model, std::vector<std::string>& warnings);

/// The matrix that parts see.
struct MatrixShape {
  std::uint64_t rows = 0, columns = 0;
};
MatrixShape matrix_shape(const TensorInfo& tensor);

/// Whether a part needs the norms of whole stored rows.
bool needs_rows(std::span<const AdapterPart> parts);

/// Stored elements that must be read to decode any `elements` consecutive ones: those of all rows that they touch, if a
/// part needs whole rows.
std::uint64_t elements_to_read(const StoredTensor& tensor, std::span<const AdapterPart> parts, std::uint64_t elements);

}  // namespace stockpot::plan
