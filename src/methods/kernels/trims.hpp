// Trims of a task vector: which of its elements stay, the others become zero.
//
// A trim is what TaskVectorMerge is made with. It may need passes of its own, in the manner of Method, before it can be
// applied; after that, apply() is a pure function of the elements and their place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "methods/kernels/element_loops.hpp"
#include "methods/kernels/magnitude_select.hpp"
#include "methods/kernels/random_words.hpp"
#include "methods/kernels/sub_tile.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

/// A sub-tile of one model's task vector: `first` is the flat index of its first element in the output tensor.
template <class T>
struct DeltaRun {
  const OutputTensor& tensor;
  std::size_t model;
  std::uint64_t first;
  std::size_t count;
  T* values;
};

/// Writes x - base of one model for sub-tile [first, first + count) of a tile.
template <class T>
DeltaRun<T> delta_run(const Tile<T>& in, std::size_t model, std::size_t first, std::size_t count, T* into) {
  dispatch(subtract, in.model_values[model] + first, in.base_values + first, count, into);
  return {in.tensor, model, in.range.first + first, count, into};
}

/// What trims that need no statistics have in common.
class TrimWithoutPasses {
 public:
  TrimWithoutPasses(const Settings&, const GroupInfo&) {}
  std::optional<TallyShape> next_pass() const { return std::nullopt; }
  bool wants(const OutputTensor&, ElementRange) const { return true; }
  template <class T>
  void observe(const Tile<T>&, TallyPart) const {}
  void conclude(const Totals&) {}
};

/// Keeps everything: plain task arithmetic.
class NoTrim : public TrimWithoutPasses {
 public:
  using TrimWithoutPasses::TrimWithoutPasses;
  static constexpr bool trims = false;
  template <class T>
  void apply(const DeltaRun<T>&) const {}
};

/// Keeps the largest magnitudes of the group: density * elements of them, at least one unless density is 0.
class MagnitudeTrim {
 public:
  static constexpr bool trims = true;
  MagnitudeTrim(const Settings& settings, const GroupInfo& group);
  std::optional<TallyShape> next_pass() const { return select_.next_pass(); }
  bool wants(const OutputTensor& tensor, ElementRange range) const {
    return select_.wants(tensor.first_in_group + range.first, range.count);
  }
  template <class T>
  void observe(const Tile<T>& in, TallyPart part) const {
    T values[sub_tile_elements];
    for (std::size_t m = 0; m < in.models(); ++m) {
      if (!select_.searches(m)) continue;
      for_each_sub_tile(in.size(), [&](std::size_t first, std::size_t count) {
        const auto run = delta_run(in, m, first, count, values);
        select_.count(m, in.tensor.first_in_group + run.first, values, count, part.counts);
      });
    }
  }
  void conclude(const Totals& totals) { select_.conclude(totals.counts); }
  template <class T>
  void apply(const DeltaRun<T>& run) const {
    select_.keep_selected(run.model, run.tensor.first_in_group + run.first, run.count, run.values);
  }

 private:
  MagnitudeSelect select_;
};

/// Keeps each element with probability `density`, by its own random word: dropout (DARE).
class BernoulliTrim : public TrimWithoutPasses {
 public:
  using TrimWithoutPasses::TrimWithoutPasses;
  static constexpr bool trims = true;
  template <class T>
  void apply(const DeltaRun<T>& run) const;
};

/// Zeroes the values whose word is not below keep_threshold; `last_kept` is that threshold minus one.
inline constexpr auto drop_by_word = []<class T>(const std::uint32_t* words, std::uint32_t last_kept, std::size_t count,
                                                 T* values) {
  for (std::size_t i = 0; i < count; ++i) values[i] = words[i] <= last_kept ? values[i] : T{0};
};

template <class T>
void BernoulliTrim::apply(const DeltaRun<T>& run) const {
  const std::uint64_t below = keep_threshold(run.tensor.settings.per_model("density")[run.model]);
  if (below > 0xFFFFFFFF) return;
  if (below == 0) {
    std::fill_n(run.values, run.count, T{0});
    return;
  }
  std::uint32_t words[sub_tile_elements + 8];  // whole groups of four, also at a start or end inside one
  const std::size_t skipped = run.first % 4;
  const std::size_t groups = (skipped + run.count + 3) / 4;
  dispatch(philox_words, run.tensor.masks[run.model], run.first / 4, groups, words);
  dispatch(drop_by_word, words + skipped, static_cast<std::uint32_t>(below - 1), run.count, run.values);
}

}  // namespace stockpot::methods
