// Selects the elements on which the models differ most: the largest variances of their task vectors, one selection for
// all models.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "methods/kernels/consensus.hpp"
#include "methods/kernels/element_loops.hpp"
#include "methods/kernels/magnitude_select.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

/// mean = mean + (x - origin). Differences from one of the models: where all are equal, everything stays exactly 0.
inline constexpr auto add_offset = []<class T>(const T* x, const T* origin, std::size_t count, double* mean) {
  for (std::size_t i = 0; i < count; ++i) mean[i] += static_cast<double>(x[i]) - static_cast<double>(origin[i]);
};

/// variance = variance + (x - origin - mean)^2
inline constexpr auto add_square_offset = []<class T>(const T* x, const T* origin, const double* mean,
                                                      std::size_t count, double* variance) {
  for (std::size_t i = 0; i < count; ++i) {
    const double offset = static_cast<double>(x[i]) - static_cast<double>(origin[i]) - mean[i];
    variance[i] += offset * offset;
  }
};

inline constexpr auto round_to_float = [](const double* values, std::size_t count, float* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<float>(values[i]);
};

inline constexpr auto count_nonzero = [](const float* values, std::size_t count, std::uint64_t* nonzero) {
  std::uint32_t found = 0;
  for (std::size_t i = 0; i < count; ++i) found += values[i] != 0.0f ? 1 : 0;
  *nonzero += found;
};

/// values = 0 where nothing is selected
inline constexpr auto keep_where = []<class T>(const float* selected, std::size_t count, T* values) {
  for (std::size_t i = 0; i < count; ++i) values[i] = selected[i] != 0.0f ? values[i] : T{0};
};

/// Writes the population variance of the models' entries, element by element: in float64, rounded to float32.
template <class T>
void write_variances(const Entries<T>& entries, float* variances) {
  const double models = static_cast<double>(entries.models);
  double mean[sub_tile_elements], variance[sub_tile_elements];
  std::fill_n(mean, entries.count, 0.0);
  std::fill_n(variance, entries.count, 0.0);
  for (std::size_t m = 1; m < entries.models; ++m) {
    dispatch(add_offset, entries.of(m), entries.of(0), entries.count, static_cast<double*>(mean));
  }
  dispatch(divide, models, entries.count, static_cast<double*>(mean));
  for (std::size_t m = 0; m < entries.models; ++m) {
    dispatch(add_square_offset, entries.of(m), entries.of(0), static_cast<const double*>(mean), entries.count,
             static_cast<double*>(variance));
  }
  dispatch(divide, models, entries.count, static_cast<double*>(variance));
  dispatch(round_to_float, static_cast<const double*>(variance), entries.count, variances);
}

/// The first pass of the selection also counts the variances that are not 0: the selection is a part of these.
class VarianceSelect {
 public:
  /// @param part  in [0, 1]; 1 selects everything, without passes.
  VarianceSelect(double part, const GroupInfo& group, bool hashed_ties);

  /// Nothing is selected, whatever the data.
  bool none() const { return none_; }

  std::optional<TallyShape> next_pass() const;
  bool wants(std::uint64_t first, std::uint64_t count) const { return select_.wants(first, count); }
  /// Counts a run of elements. @param deltas  the models' task vectors there
  template <class T>
  void count(const SelectRun& run, const Entries<T>& deltas, std::span<std::uint64_t> counts) const {
    float variances[sub_tile_elements];
    write_variances(deltas, variances);
    const float* const written = variances;
    if (!counted_) dispatch(count_nonzero, written, run.count, &counts.back());
    select_.count(0, run, written, counts);
  }
  void conclude(std::span<const std::uint64_t> counts);

  /// Zeroes what is not selected. @param values  those of `deltas`
  template <class T>
  void keep_selected(const SelectRun& run, const Entries<T>& deltas, T* values) const {
    if (all_) return;
    float selected[sub_tile_elements];
    write_variances(deltas, selected);
    select_.keep_selected(0, run, static_cast<float*>(selected));
    for (std::size_t m = 0; m < deltas.models; ++m) {
      dispatch(keep_where, static_cast<const float*>(selected), run.count, values + m * deltas.stride);
    }
  }

 private:
  double part_;
  bool all_;
  bool none_;
  bool counted_ = false;
  MagnitudeSelect select_;
};

}  // namespace stockpot::methods
