// Selects the elements on which the models differ most: the largest variances of their task vectors, one selection for
// all models.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>

#include "methods/kernels/consensus.hpp"
#include "methods/kernels/element_loops.hpp"
#include "methods/kernels/magnitude_select.hpp"
#include "methods/kernels/variance_spread.hpp"
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

/// A part of a tile: at most sub_tile_elements.
template <class E>
struct SubTile {
  const Tile<E>& tile;
  std::size_t first, count;

  std::size_t models() const { return tile.models(); }
  const E* model(std::size_t m) const { return tile.model_values[m] + first; }
  const E* base() const { return tile.base_values + first; }
  SelectRun run() const {
    const std::uint64_t at = tile.range.first + first;
    return {tile.tensor.first_in_group + at, count, at, tile.tensor.joint_ties};
  }
};

/// The task vectors of a sub-tile, in memory of their own, as T: what its elements are computed with.
template <class T>
class Deltas {
 public:
  template <class E>
  explicit Deltas(const SubTile<E>& in)
      : values_(std::make_unique_for_overwrite<T[]>(in.models() * sub_tile_elements)),
        models_(in.models()),
        count_(in.count) {
    for (std::size_t m = 0; m < models_; ++m) dispatch(subtract, in.model(m), in.base(), count_, of(m));
  }
  T* of(std::size_t m) { return values_.get() + m * sub_tile_elements; }
  Entries<T> entries() const { return {values_.get(), models_, count_, sub_tile_elements}; }

 private:
  std::unique_ptr<T[]> values_;
  std::size_t models_, count_;
};
template <class E>
Deltas(const SubTile<E>&) -> Deltas<ValueOf<E>>;

/// Which elements of a sub-tile are selected: those whose entry is above a bound.
struct Selected {
  std::uint32_t entries[sub_tile_elements];
  std::uint32_t bound = 0;
};

/// A pass over a sample tells about where the selection ends. The first one over all elements also counts the variances that
/// are not 0: the selection is a part of these.
class VarianceSelect {
 public:
  /// @param part  in [0, 1]; 1 selects everything, without passes.
  VarianceSelect(double part, const GroupInfo& group, bool hashed_ties);
  static SelectNeeds needs(const GroupInfo& group, bool hashed_ties);

  /// Nothing is selected, whatever the data.
  bool none() const { return none_; }

  std::optional<TallyShape> next_pass() const;
  bool wants(std::uint64_t first, std::uint64_t count) const { return select_.wants(first, count); }
  template <class E>
  void count(const SubTile<E>& in, std::span<std::uint64_t> counts) const;
  void conclude(std::span<const std::uint64_t> counts);

  /// Zeroes what is not selected.   @pre next_pass() is empty
  template <class E>
  void keep_selected(const SubTile<E>& in, Deltas<ValueOf<E>>& deltas) const;
  /// The same as a mask, for few models.   @return false: this sub-tile needs keep_selected().
  template <class E, std::size_t models>
  bool find_selected(const FewModels<E, models>& in, const SelectRun& run, Selected& selected) const;

 private:
  bool counts_nonzero() const { return !counted_ && !select_.is_sampling(); }
  template <class E, std::size_t models>
  bool count_few(const FewModels<E, models>& in, const SelectRun& run, std::span<std::uint64_t> counts) const;

  double part_;
  std::uint64_t elements_;
  bool all_;
  bool none_;
  bool counted_ = false;
  MagnitudeSelect select_;
};

template <std::size_t models, class E>
FewModels<E, models> few_models(const SubTile<E>& in) {
  FewModels<E, models> few{.model = {}, .base = in.base()};
  for (std::size_t m = 0; m < models; ++m) few.model[m] = in.model(m);
  return few;
}

/// The elements of a sub-tile whose spread leaves open what is asked, and the keys of their variances.
struct OpenElements {
  std::size_t count = 0;
  std::uint32_t places[sub_tile_elements + gather_slack];
  std::uint32_t keys[sub_tile_elements + gather_slack];

  template <class E, std::size_t models>
  OpenElements(const FewModels<E, models>& in, const std::uint32_t* spreads, std::size_t elements,
               const OpenSpreads& open) {
    count = gather_places(spreads, elements, open.low, open.high, keys, places);
    if (count == 0) return;
    float deltas[models * sub_tile_elements], variances[sub_tile_elements];
    for (std::size_t m = 0; m < models; ++m) {
      for (std::size_t i = 0; i < count; ++i) {
        deltas[m * sub_tile_elements + i] = in.model[m][places[i]] - in.base[places[i]];
      }
    }
    write_variances(Entries<float>{deltas, models, count, sub_tile_elements}, variances);
    dispatch(write_magnitude_keys, static_cast<const float*>(variances), count, static_cast<std::uint32_t*>(keys));
  }
};

template <class E, std::size_t models>
bool VarianceSelect::count_few(const FewModels<E, models>& in, const SelectRun& run,
                               std::span<std::uint64_t> counts) const {
  const auto wanted = select_.keys_in_question();
  if (!wanted) return false;
  std::uint32_t spreads[sub_tile_elements], wild = 0;
  dispatch(write_spreads, in, run.count, static_cast<std::uint32_t*>(spreads), &wild);
  if (wild != 0) return false;
  const std::uint32_t* const written = spreads;
  std::uint64_t nonzero = 0, above = 0;
  if (counts_nonzero()) dispatch(count_above, written, run.count, std::uint32_t{0}, &nonzero);
  if (counts_nonzero()) counts.back() += nonzero;
  const OpenSpreads open(*wanted, models);
  dispatch(count_above, written, run.count, open.high, &above);
  const OpenElements elements(in, written, run.count, open);
  select_.count_some(run, {elements.keys, elements.count}, elements.places, above, counts);
  return true;
}

template <class E>
void VarianceSelect::count(const SubTile<E>& in, std::span<std::uint64_t> counts) const {
  if constexpr (std::is_same_v<ValueOf<E>, float>) {
    bool counted = false;
    with_few(in.models(), [&]<std::size_t models>() { counted = count_few(few_models<models>(in), in.run(), counts); });
    if (counted) return;
  }
  float variances[sub_tile_elements];
  const float* const written = variances;
  write_variances(Deltas(in).entries(), variances);
  if (counts_nonzero())
    counts.back() += in.count - static_cast<std::size_t>(std::count(written, written + in.count, 0.0f));
  select_.count(0, in.run(), written, counts);
}

template <class E>
void VarianceSelect::keep_selected(const SubTile<E>& in, Deltas<ValueOf<E>>& deltas) const {
  if (all_) return;
  float selected[sub_tile_elements];
  write_variances(deltas.entries(), selected);
  select_.keep_selected(0, in.run(), static_cast<float*>(selected));
  for (std::size_t m = 0; m < in.models(); ++m) {
    dispatch(keep_where, static_cast<const float*>(selected), in.count, deltas.of(m));
  }
}

template <class E, std::size_t models>
bool VarianceSelect::find_selected(const FewModels<E, models>& in, const SelectRun& run, Selected& selected) const {
  if (all_) {
    selected.bound = 0;
    std::fill_n(selected.entries, run.count, 1u);
    return true;
  }
  const auto keys = select_.selected_keys(0, run);
  if (!keys || keys->low > keys->high) return false;
  std::uint32_t wild = 0;
  dispatch(write_spreads, in, run.count, static_cast<std::uint32_t*>(selected.entries), &wild);
  if (wild != 0) return false;
  const OpenSpreads open({keys->low, keys->low}, models);
  const OpenElements elements(in, selected.entries, run.count, open);
  for (std::size_t i = 0; i < elements.count; ++i) {
    selected.entries[elements.places[i]] =
        elements.keys[i] >= keys->low ? std::numeric_limits<std::uint32_t>::max() : 0;
  }
  selected.bound = open.high;
  return true;
}

}  // namespace stockpot::methods
