// Arcee fusion: take over the changes that stand out, leave the base elsewhere. A change stands out by its size times
// how far the softmax of its row moved (a Kullback-Leibler divergence).
//
// Source: release note of MergeKit v0.1; there is no paper. There the order statistics come from a random sample of
// large tensors; here they are exact.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "methods/kernels/each_element.hpp"
#include "methods/kernels/magnitude_select.hpp"
#include "methods/kernels/masks.hpp"
#include "methods/kernels/row_divergence.hpp"
#include "methods/kernels/sub_tile.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec arcee_fusion;

namespace {

/// importance = |x - base| * divergence, one rounding. NaN is positive, so that it counts as the largest value.
constexpr auto write_importance = []<class E, class T>(const E* x, const E* base, double divergence, std::size_t count,
                                                       T* importance) {
  write_each(count, importance, [=](auto at) {
    const T value = static_cast<T>(static_cast<double>(std::abs(at(x) - at(base))) * divergence);
    return chosen(mask_of<T>(value == value), value, std::numeric_limits<T>::quiet_NaN());
  });
};

/// out = base + (x - base where importance reaches the threshold or is NaN)
constexpr auto take_over = []<class E, class T>(const E* x, const E* base, const T* importance, T threshold,
                                                std::size_t count, E* out) {
  write_each(count, out, [=](auto at) {
    const bool taken = (at(importance) >= threshold) | (at(importance) != at(importance));
    return at(base) + masked<T>(at(x) - at(base), mask_of<T>(taken));
  });
};

/// Quartiles as 0-based indices in ascending order, without interpolation.
std::array<SelectTarget, 3> quartiles(std::uint64_t elements) {
  const std::uint64_t last = std::max<std::uint64_t>(elements, 1) - 1;
  std::array<SelectTarget, 3> targets;
  for (std::size_t quarter = 1; quarter <= 3; ++quarter) {
    const std::uint64_t index = last / 4 * quarter + last % 4 * quarter / 4;
    targets[quarter - 1] = {.rank = index + 1, .order = SelectOrder::smallest_first, .all_equal = true};
  }
  return targets;
}

SelectOptions options(const GroupInfo& group) {
  return {.elements = group.elements, .wide = group.float64, .key = SelectKey::value};
}

std::uint64_t rows_of(const Shape& shape) {
  std::uint64_t rows = 1;
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  return rows;
}

/// The first pass finds every row's divergence and, like those after it, a digit of the quartiles of importance.
class ArceeFusion final : public TileMethod<ArceeFusion> {
 public:
  ArceeFusion(const Settings&, const GroupInfo& group)
      : select_(quartiles(group.elements), options(group)), divergence_(rows_of(group.shape)) {}

  std::optional<TallyShape> next_pass() const override { return select_.next_pass(); }

  static constexpr bool stored = true;
  static constexpr NonfiniteInput in_passes =
      NonfiniteInput::counted;  // as the largest, in rows whose divergence is NaN

  template <class E>
  void observe_tile(const Tile<E>& in, TallyPart part) const {
    if (in_first_pass_) find_divergences(in);
    for_each_importance(in, [&](std::size_t first, std::size_t count, const ValueOf<E>* importance) {
      select_.count(0, {.first = in.range.first + first, .count = count}, importance, part.counts);
    });
  }

  void conclude(const Totals& totals) override {
    select_.conclude(totals.counts);
    in_first_pass_ = false;
  }

  template <class E>
  void merge_tile(const Tile<E>& in, std::span<E> out) const {
    const auto threshold = outlier_bound<ValueOf<E>>();
    for_each_importance(in, [&](std::size_t first, std::size_t count, const ValueOf<E>* importance) {
      dispatch(take_over, in.model_values[0] + first, in.base_values + first, importance, threshold, count,
               out.data() + first);
    });
  }

 private:
  template <class E>
  void find_divergences(const Tile<E>& in) const {
    const std::size_t row = in.tensor.row_elements;
    std::vector<double> room(divergence_room(row));
    for (std::size_t first = 0; first < in.size(); first += row) {
      divergence_[(in.range.first + first) / row] =
          row_divergence(in.model_values[0] + first, in.base_values + first, row, room);
    }
  }

  /// Calls use(first, count, importance) for the sub-tiles of a tile.
  template <class E, class Use>
  void for_each_importance(const Tile<E>& in, const Use& use) const {
    const std::size_t row = in.tensor.row_elements;
    ValueOf<E> importance[sub_tile_elements];
    for_each_sub_tile(in.size(), [&](std::size_t first, std::size_t count) {
      const std::size_t end = first + count;
      for (std::size_t at = first, next = 0; at < end; at = next) {
        next = std::min(end, (at / row + 1) * row);
        dispatch(write_importance, in.model_values[0] + at, in.base_values + at,
                 divergence_[(in.range.first + at) / row], next - at, importance + (at - first));
      }
      use(first, count, static_cast<const ValueOf<E>*>(importance));
    });
  }

  /// Beyond it values count as outliers.
  template <class T>
  T outlier_bound() const {
    const auto quartile = [&](std::size_t i) { return static_cast<T>(select_.threshold(i)); };
    return quartile(1) + T{1.5} * (quartile(2) - quartile(0));
  }

  MagnitudeSelect select_;
  bool in_first_pass_ = true;
  // Of each row: set while its tile is observed, and only for rows that are seen here. No two tiles share a row.
  mutable std::vector<double> divergence_;
};

Needs needs(const Settings&, const GroupInfo& group) {
  const SelectNeeds quartiles =
      MagnitudeSelect::needs(1, 3, MagnitudeSelect::value_passes * (group.float64 ? 2 : 1), options(group));
  return {.passes = quartiles.passes,
          .tally = {.counts = quartiles.counters},
          .gathers = true,
          .state_bytes = rows_of(group.shape) * sizeof(double),
          .workspace_bytes = quartiles.workspace_bytes};
}

}  // namespace

extern const MethodSpec arcee_fusion{
    .name = "arcee_fusion",
    .summary = "take over the changes that stand out, keep the base elsewhere",
    .formula =
        "p, q = softmax of a row of x, b, plus 1e-8;  K = sum of p ln(p / q) over the row;  I = |x - b| K\n"
        "T = Q2 + 1.5 (Q3 - Q1), quartiles of I over the tensor;  out = I >= T ? x : b",
    .source = "release note of MergeKit v0.1",
    .base = BaseUse::required,
    .max_models = 1,
    .absent = AbsentRule::single_copied,
    .parameters = {},
    .granularity = [](const Settings&) { return Granularity::row; },
    .needs = needs,
    .make = make_method<ArceeFusion>};

}  // namespace stockpot::methods
