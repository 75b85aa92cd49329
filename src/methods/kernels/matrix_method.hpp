// What the methods that work on singular vectors have in common: one pass gathers the task vectors of a matrix, or their
// sum; the method makes of them one merged task vector; that is added to the base.
//
// Tensors that are no matrices, or excluded, get the mean of their task vectors instead, without a pass.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "methods/kernels/matrix.hpp"
#include "methods/kernels/matrix_product.hpp"
#include "methods/kernels/task_vector_scale.hpp"
#include "methods/kernels/weighted_sum.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

/// A matrix as tensors have it, row after row; T is float or double.
template <class T>
class TensorMatrix {
 public:
  TensorMatrix(std::size_t rows, std::size_t columns)
      : rows_(rows), columns_(columns), elements_(std::make_unique_for_overwrite<T[]>(rows * columns)) {}

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  /// Tiles of one matrix are written from several threads at once.
  T* elements() const { return elements_.get(); }
  BasicMatrixView<const T> view() const { return {elements_.get(), rows_, columns_, columns_, 1}; }

  /// Becomes factor * from.
  void assign(double factor, ConstMatrixView from) {
    for_each_element(rows_, columns_, [&](std::size_t i, std::size_t j) {
      elements_[i * columns_ + j] = static_cast<T>(factor * from(i, j));
    });
  }

  /// Becomes factor * a b.
  void assign_product(double factor, ConstMatrixView a, ConstMatrixView b) {
    for (std::size_t first = 0; first < rows_; first += rows_at_once) {
      const std::size_t rows = std::min(rows_at_once, rows_ - first);
      Matrix turned = Matrix::zero(columns_, rows);
      add_product(factor, a.block(first, 0, rows, a.columns), b, turned.view().transposed());
      for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < columns_; ++j) elements_[(first + i) * columns_ + j] = static_cast<T>(turned(j, i));
      }
    }
  }
  static std::size_t product_bytes(std::size_t columns) {
    return columns * rows_at_once * sizeof(double) + product_workspace_bytes;
  }

 private:
  static constexpr std::size_t rows_at_once = 192;
  std::size_t rows_, columns_;
  std::unique_ptr<T[]> elements_;
};

inline ParameterSpec exclude_parameter() {
  return {.name = "exclude",
          .type = ValueType::names,
          .fallback = 0.0,
          .help = "tensors whose name has one of these texts in it get the mean of the task vectors"};
}

inline bool is_matrix(const Settings& settings, const GroupInfo& group) {
  return group.shape.size() == 2 && group.elements > 0 && group.models > 0 && !settings.flag("exclude");
}
inline std::size_t rows_of(const GroupInfo& group) { return group.shape[0]; }
inline std::size_t columns_of(const GroupInfo& group) { return group.shape[1]; }

enum class Gathering { each, sum };

inline Needs matrix_needs(const GroupInfo& group, Gathering gathering, std::size_t workspace_bytes) {
  const std::size_t element_bytes = group.float64 ? sizeof(double) : sizeof(float);
  const std::size_t matrices = gathering == Gathering::sum ? 1 : group.models;
  return {.passes = 1,
          .tally = {},
          .gathers = true,
          .one_rank = true,
          .state_bytes = matrices * group.elements * element_bytes,
          .workspace_bytes = workspace_bytes};
}

/// Derived has `void merge_matrices(std::vector<TensorMatrix<T>>&)`: makes the first of those gathered, one per model or
/// their sum, the merged task vector. T is what the tensor's tiles are of.
template <class Derived, class T>
class MatrixMethod : public TileMethod<Derived> {
 public:
  /// @param active   false: the mean of the task vectors, no pass
  /// @param weights  factors of the task vectors gathered; empty: all 1
  MatrixMethod(const GroupInfo& group, bool active, Gathering gathering, std::span<const double> weights = {})
      : pending_(active), gathering_(gathering), weights_(weights.begin(), weights.end()) {
    weights_.resize(group.models, 1.0);
    if (!active) return;
    const std::size_t matrices = gathering == Gathering::sum ? 1 : group.models;
    for (std::size_t m = 0; m < matrices; ++m) matrices_.emplace_back(rows_of(group), columns_of(group));
  }

  std::optional<TallyShape> next_pass() const override { return pending_ ? std::optional(TallyShape{}) : std::nullopt; }

  template <class U>
  void observe_tile(const Tile<U>& in, TallyPart) const {
    std::array<U, sub_tile_elements> offset;
    for_each_sub_tile(in.size(), [&](std::size_t first, std::size_t count) {
      const std::size_t at = in.range.first + first;
      for (std::size_t m = 0; m < in.models(); ++m) {
        if (gathering_ == Gathering::each || m == 0) offset.fill(U{0});
        dispatch(add_offset_multiple, static_cast<U>(weights_[m]), in.model_values[m] + first, in.base_values + first,
                 count, offset.data());
        if (gathering_ == Gathering::each) store(offset.data(), count, matrices_[m].elements() + at);
      }
      if (gathering_ == Gathering::sum) store(offset.data(), count, matrices_[0].elements() + at);
    });
  }

  void conclude(const Totals&) override {
    static_cast<Derived*>(this)->merge_matrices(matrices_);
    matrices_.erase(matrices_.begin() + 1, matrices_.end());
    pending_ = false;
  }

  template <class U>
  void merge_tile(const Tile<U>& in, std::span<U> out) const {
    const double scale = task_vector_scale(in.tensor.settings);
    if (matrices_.empty()) return merge_mean(in, scale, out);
    const T* const task_vector = matrices_.front().elements() + in.range.first;
    dispatch(add_scaled, in.base_values, static_cast<U>(scale), task_vector, in.size(), out.data());
  }

 private:
  /// out = base + scale * x
  static constexpr auto add_scaled = []<class U>(const U* base, U scale, const T* x, std::size_t count, U* out) {
    for (std::size_t i = 0; i < count; ++i) out[i] = base[i] + scale * static_cast<U>(x[i]);
  };

  template <class U>
  static void store(const U* from, std::size_t count, T* to) {
    for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<T>(from[i]);
  }

  template <class U>
  static void merge_mean(const Tile<U>& in, double scale, std::span<U> out) {
    const std::vector<double> ones(in.models(), 1.0);
    const SumEnding<U> ending{.divisor = static_cast<U>(in.models()), .scale = static_cast<U>(scale)};
    merge_weighted(in, in.base_values, ones, ending, out);
  }

  bool pending_;
  Gathering gathering_;
  std::vector<double> weights_;
  std::vector<TensorMatrix<T>> matrices_;  // gathered; then the merged task vector alone; none: the mean
};

/// For MethodSpec::make: M<float> or M<double>, as the group's tiles are.
template <template <class> class M>
std::unique_ptr<Method> make_matrix_method(const Settings& settings, const GroupInfo& group) {
  if (group.float64) return std::make_unique<M<double>>(settings, group);
  return std::make_unique<M<float>>(settings, group);
}

}  // namespace stockpot::methods
