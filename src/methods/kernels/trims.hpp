// Trims of a task vector: which of its elements stay, the others become zero.
//
// A trim is what TaskVectorMerge is made with. It may need passes of its own, in the manner of Method, before it can be
// applied; after that, prepare() and apply() are pure functions of the elements and their place. Trims with `by_row`
// are given whole rows, the others sub-tiles. Trims with `by_flags` can say instead, as a rule (only_drops), which elements
// stay as they are (flag): that can be noted, and the differences need not be there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "methods/kernels/element_loops.hpp"
#include "methods/kernels/magnitude_differences.hpp"
#include "methods/kernels/random_words.hpp"
#include "methods/kernels/sub_tile.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

/// @param first  in the tensor.
inline SelectRun run_in_group(const OutputTensor& tensor, std::size_t model, std::uint64_t first, std::size_t count) {
  return {tensor.first_in_group + first, count, first, tensor.ties[model]};
}

/// A run of one model's task vector: `first` is the flat index of its first element in the output tensor.
template <class T>
struct DeltaRun {
  const OutputTensor& tensor;
  std::size_t model;
  std::uint64_t first;
  std::size_t count;
  T* values;

  SelectRun in_group() const { return run_in_group(tensor, model, first, count); }
};

/// Writes x - base of one model for elements [first, first + count) of a tile.
template <class E, class T>
DeltaRun<T> delta_run(const Tile<E>& in, std::size_t model, std::size_t first, std::size_t count, T* into) {
  dispatch(subtract, in.model_values[model] + first, in.base_values + first, count, into);
  return {in.tensor, model, in.range.first + first, count, into};
}

/// Zeroes the values whose word is not below keep_threshold; `last_kept` is that threshold minus one.
inline constexpr auto drop_by_word = []<class T>(const std::uint32_t* words, std::uint32_t last_kept, std::size_t count,
                                                 T* values) {
  for (std::size_t i = 0; i < count; ++i) values[i] = words[i] <= last_kept ? values[i] : T{0};
};

/// Keeps each element with probability `density`, by its own random word. @pre run.count <= sub_tile_elements
template <class T>
void drop_out(const DeltaRun<T>& run, double density) {
  const std::uint64_t below = keep_threshold(density);
  if (below > 0xFFFFFFFF) return;
  if (below == 0) {
    std::fill_n(run.values, run.count, T{0});
    return;
  }
  std::uint32_t room[word_room(sub_tile_elements)];
  const std::uint32_t* words = element_words(run.tensor.masks[run.model], run.first, run.count, room);
  dispatch(drop_by_word, words, static_cast<std::uint32_t>(below - 1), run.count, run.values);
}

/// Which elements dropout leaves: flags = 1 there, 0 elsewhere. @param range  of the tensor, at most a sub-tile
void flag_dropout(const OutputTensor& tensor, std::size_t model, ElementRange range, double density,
                  std::uint8_t* flags);

/// What trims that need no statistics have in common.
class TrimWithoutPasses {
 public:
  static constexpr bool by_row = false;
  static constexpr bool by_flags = false;
  static constexpr NonfiniteInput in_passes = NonfiniteInput::refused;
  /// Whether it leaves something that is not finite of every vector that has such elements.
  bool leaves_nonfinite() const { return false; }
  /// Whether prepare() zeroes elements, of some model.
  bool pre_drops() const { return false; }
  TrimWithoutPasses(const Settings&, const GroupInfo&) {}
  std::optional<TallyShape> next_pass() const { return std::nullopt; }
  bool wants(const OutputTensor&, ElementRange) const { return true; }
  template <class E>
  void observe(const Tile<E>&, TallyPart) const {}
  void conclude(const Totals&) {}
  template <class T>
  void prepare(const DeltaRun<T>&) const {}
  /// The keys of magnitudes that stay in a run, if these alone decide what prepare() and apply() do.
  std::optional<KeyRange> kept_keys(const OutputTensor&, std::size_t, const SelectRun&) const { return std::nullopt; }
};

/// Keeps each element with probability `density`: dropout (DARE).
class BernoulliTrim : public TrimWithoutPasses {
 public:
  using TrimWithoutPasses::TrimWithoutPasses;
  static constexpr bool trims = true;
  static constexpr bool by_flags = true;
  static bool only_drops() { return true; }
  /// flags = 1 for elements [first, first + count) of a tile that stay.
  template <class E>
  void flag(const Tile<E>& in, std::size_t model, std::size_t first, std::size_t count, std::uint8_t* flags) const {
    flag_dropout(in.tensor, model, {in.range.first + first, count}, in.tensor.settings.per_model("density")[model],
                 flags);
  }
};

/// What trims by the rank of magnitudes in the group have in common.
class SelectingTrim {
 public:
  static constexpr bool trims = true;
  static constexpr bool by_row = false;
  static constexpr bool by_flags = false;
  static constexpr NonfiniteInput in_passes = NonfiniteInput::counted;  // as the largest magnitudes
  bool leaves_nonfinite() const { return false; }
  bool pre_drops() const { return pre_drops_; }
  std::optional<TallyShape> next_pass() const { return select_.next_pass(); }
  bool wants(const OutputTensor& tensor, ElementRange range) const {
    return select_.wants(tensor.first_in_group + range.first, range.count);
  }
  template <class E>
  void observe(const Tile<E>& in, TallyPart part) const {
    for_each_sub_tile(in.size(), [&](std::size_t first, std::size_t count) {
      for (std::size_t m = 0; m < in.models(); ++m) {
        if (select_.searches(m)) observe_run(in, m, first, count, part);
      }
    });
  }
  void conclude(const Totals& totals) { select_.conclude(totals.counts); }
  /// Dropout before the trim, where the method has `pre_drop`.
  template <class T>
  void prepare(const DeltaRun<T>& run) const {
    if (!pre_drops(run.tensor, run.model)) return;
    const double density = run.tensor.settings.per_model("pre_drop")[run.model];
    drop_out(run, density);
    if (density > 0.0) dispatch(multiply, static_cast<T>(1.0 / density), run.values, run.count, run.values);
  }

 protected:
  bool pre_drops(const OutputTensor& tensor, std::size_t model) const {
    return pre_drops_ && tensor.settings.per_model("pre_drop")[model] != 1.0;
  }
  SelectingTrim(const Settings& settings, const GroupInfo& group, std::span<const SelectTarget> targets);
  static SelectOptions options(const Settings& settings, const GroupInfo& group);
  MagnitudeSelect select_;
  bool pre_drops_;

 private:
  template <class E>
  void observe_run(const Tile<E>& in, std::size_t m, std::size_t first, std::size_t count, TallyPart part) const {
    if (!pre_drops(in.tensor, m)) {
      const SelectRun run = run_in_group(in.tensor, m, in.range.first + first, count);
      return select_.count_differences(m, run, in.model_values[m] + first, in.base_values + first, part.counts);
    }
    ValueOf<E> values[sub_tile_elements];
    const auto run = delta_run(in, m, first, count, values);
    prepare(run);
    select_.count(m, run.in_group(), run.values, part.counts);
  }
};

/// Keeps the largest magnitudes of the group: density * elements of them, at least one unless density is 0 (TIES).
class MagnitudeTrim : public SelectingTrim {
 public:
  MagnitudeTrim(const Settings& settings, const GroupInfo& group);
  static SelectNeeds needs(const Settings& settings, const GroupInfo& group);
  bool leaves_nonfinite() const { return leaves_some_ && !pre_drops_; }
  template <class T>
  void apply(const DeltaRun<T>& run) const {
    select_.keep_selected(run.model, run.in_group(), run.values);
  }
  std::optional<KeyRange> kept_keys(const OutputTensor& tensor, std::size_t model, const SelectRun& run) const {
    if (pre_drops(tensor, model)) return std::nullopt;
    return select_.selected_keys(model, run);
  }

 private:
  bool leaves_some_;  // of every model
};

/// How many elements a trim of outliers takes away at both ends.
struct OutlierCounts {
  std::uint64_t bottom = 0;
  std::uint64_t top = 0;
};
OutlierCounts outliers_of(double density, double gamma, std::uint64_t elements);

/// Drops the largest magnitudes of the group, gamma * elements of them, and so many of the smallest that density *
/// elements stay (breadcrumbs).
class OutlierTrim : public SelectingTrim {
 public:
  OutlierTrim(const Settings& settings, const GroupInfo& group);
  static SelectNeeds needs(const Settings& settings, const GroupInfo& group);
  template <class T>
  void apply(const DeltaRun<T>& run) const {
    select_.keep_selected(2 * run.model, run.in_group(), run.values);
    select_.drop_selected(2 * run.model + 1, run.in_group(), run.values);
  }
  std::optional<KeyRange> kept_keys(const OutputTensor&, std::size_t model, const SelectRun& run) const {
    const auto upper = select_.selected_keys(2 * model, run), lower = select_.selected_keys(2 * model + 1, run);
    if (!upper || !lower) return std::nullopt;
    if (lower->low > lower->high) return upper;                                // nothing at the bottom is dropped
    if (lower->high == KeyRange{}.high) return KeyRange{.low = 1, .high = 0};  // everything is
    return KeyRange{.low = lower->high + 1, .high = upper->high};
  }
};

}  // namespace stockpot::methods
