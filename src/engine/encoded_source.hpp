// Quantised weights, decoded tile by tile: codes are read like any stored tensor, scales once on each rank.
//
// A value is (code - zero point) * scale in float32, one rounding per operation; a scale that has a global scale is
// divided by it first. Where tiles are float64 the same float32 values are widened.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/encoding.hpp"
#include "engine/decoded_source.hpp"
#include "engine/small_tensors.hpp"
#include "engine/source.hpp"
#include "plan/waves.hpp"

namespace stockpot::engine {

/// The stored matrices, one after the other; their rows are `pitch` elements long.
class EncodedSource final : public Source {
 public:
  /// Everything outlives the source. @param round_to  as StoredSource's.
  EncodedSource(const Catalogue& model, const Encoding& encoding, SmallTensors& cache, std::optional<DType> round_to);
  std::uint64_t stored_bytes(ElementRange range) const override { return bytes_of(range).count; }
  void read(ElementRange range, std::span<std::byte> stored) const override;
  void will_need(ElementRange range) const override;
  bool decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
              std::span<float> out) const override;
  bool decode(std::span<const std::byte> stored, ElementRange held, ElementRange wanted,
              std::span<double> out) const override;
  const std::string& model() const override { return model_.model; }
  const std::string& path() const override { return file_->path(); }

 private:
  struct Tables;
  /// Bytes of the coded tensor that hold a range's codes.
  ElementRange bytes_of(ElementRange range) const;
  Tables tables() const;
  void scale_row(const Tables& tables, std::uint64_t row, std::uint64_t column, std::span<float> codes) const;

  const Catalogue& model_;
  const Encoding& encoding_;
  SmallTensors& cache_;
  std::optional<DType> round_to_;
  std::shared_ptr<const io::ByteSource> file_;
};

/// Matrices, one after the other, each the transpose of a source's.
///
/// Elements of a row lie far apart there. Whole matrices are turned and kept for the next range, up to the cache's
/// budget; those that are too large for it are read in stripes, once more for each range.
class TurnedSource final : public DecodedSource {
 public:
  /// @param inner  matrices of rows x columns.   @param tensor  what turned matrices are known by in `cache`.
  /// @param as_double   the tensor is merged in double.   @param most_bytes  of a matrix that is turned as a whole.
  TurnedSource(std::unique_ptr<Source> inner, std::uint64_t rows, std::uint64_t columns, const StoredTensor& tensor,
               SmallTensors& cache, bool as_double = false, std::uint64_t most_bytes = plan::usual_small_tensor_bytes)
      : DecodedSource(as_double),
        inner_(std::move(inner)),
        rows_(rows),
        columns_(columns),
        tensor_(tensor),
        cache_(cache),
        most_bytes_(most_bytes) {}
  const std::string& model() const override { return inner_->model(); }
  const std::string& path() const override { return inner_->path(); }

 private:
  void fill(ElementRange range, std::span<float> values) const override;
  void fill(ElementRange range, std::span<double> values) const override;
  template <class T>
  void fill_matrices(ElementRange range, std::span<T> values) const;
  template <class T>
  std::vector<T> turned(std::uint64_t matrix) const;
  template <class T>
  void fill_stripe(std::uint64_t matrix, ElementRange inside, std::span<T> values) const;

  std::unique_ptr<Source> inner_;
  std::uint64_t rows_, columns_;
  const StoredTensor& tensor_;
  SmallTensors& cache_;
  std::uint64_t most_bytes_;
};

/// A stored tensor's values before any adapter.
/// @param round_to  inputs are first rounded to this type; nothing: exact.
std::unique_ptr<Source> make_plain_source(const Catalogue& model, const StoredTensor& tensor, SmallTensors& cache,
                                          std::optional<DType> round_to);

}  // namespace stockpot::engine
