// A stored tensor with what adapters add to it, computed tile by tile while it is decoded.
//
// Arithmetic is that of the tile's type, one rounding per operator, in an order that depends on an element's place in
// its tensor alone: any cut into ranges gives the same bits. An element of a low-rank change is
//   sum over k, ascending, of B[i, k] * A[k, j];   then   W[i, j] + s * sum.
// DoRA divides by norms in float64: of a stored row in eight lanes (methods/kernels/block_sums.hpp), for which whole
// rows are read; of a column from the first row to the last, for which the tensor is read once more, by every rank that
// has a part of it. The factor m / norm is rounded once to the tile's type.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/small_tensors.hpp"
#include "engine/source.hpp"
#include "plan/adapters.hpp"

namespace stockpot::engine {

/// Types that values are rounded to after adapters are added; nothing: not rounded.
struct SourceRounding {
  std::optional<DType> adapted = {};  ///< base plus adapters, before it is merged (--lora-merge-dtype)
  std::optional<DType> inputs = {};   ///< every input, mergekit's way
};

class AdaptedSource final : public Source {
 public:
  /// @param parts  not empty; they and everything else outlive the source.
  AdaptedSource(const Catalogue& model, const StoredTensor& tensor, std::span<const plan::AdapterPart> parts,
                SmallTensors& cache, SourceRounding rounding);
  std::uint64_t stored_bytes(ElementRange range) const override;
  void read(ElementRange range, std::span<std::byte> stored) const override;
  void will_need(ElementRange range) const override { base_->will_need(covering(range)); }
  bool decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
              std::span<float> out) const override;
  bool decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
              std::span<double> out) const override;
  const std::string& model() const override { return base_->model(); }
  const std::string& path() const override { return base_->path(); }

 private:
  template <class T>
  struct Pair;
  /// The range, or all rows that it touches where some part needs them.
  ElementRange covering(ElementRange range) const;
  template <class T>
  bool decode_as(std::span<const std::byte> stored, ElementRange held, ElementRange wanted, std::span<T> out) const;
  /// Adds the first `parts` parts to stored values. @pre `range` is covering(range).
  template <class T>
  void add_parts(std::size_t parts, ElementRange range, std::span<T> values) const;
  template <class T>
  void add_part(std::size_t part, ElementRange range, std::span<T> values) const;
  template <class T>
  void add_pair(const plan::AdapterPart& part, ElementRange range, std::span<T> values) const;
  template <class T>
  void add_scaled_pair(std::size_t part, ElementRange range, std::span<T> values) const;
  template <class T>
  void scale_rows(const plan::AdapterPart& part, ElementRange range, std::span<T> values) const;
  template <class T>
  void scale_columns(std::size_t part, ElementRange range, std::span<T> values) const;
  template <class T>
  std::vector<T> column_factors(std::size_t part) const;
  template <class T>
  void replace(const plan::AdapterPart& part, ElementRange range, std::span<T> values) const;

  const Adapter& adapter_of(const plan::AdapterPart& part) const { return model_.adapters[part.adapter]; }
  const StoredTensor& tensor_of(const plan::AdapterPart& part, std::uint32_t tensor) const {
    return adapter_of(part).tensors[tensor];
  }

  const Catalogue& model_;
  const StoredTensor& tensor_;
  std::span<const plan::AdapterPart> parts_;
  SmallTensors& cache_;
  SourceRounding rounding_;
  plan::MatrixShape shape_;
  bool whole_rows_;
  std::unique_ptr<Source> base_;
};

/// Values of a stored tensor of a model, with what its adapters add.
/// @param tensor  index into `model.tensors`.   @param adapted  of this model. Both outlive the source.
std::unique_ptr<Source> make_stored_source(const Catalogue& model, std::uint32_t tensor,
                                           const plan::AdaptedTensors& adapted, SmallTensors& cache,
                                           SourceRounding rounding);

}  // namespace stockpot::engine
