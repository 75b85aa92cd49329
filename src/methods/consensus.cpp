// Consensus: task arithmetic (or TIES) without the elements that too few models have a use for.
//
// Source: Wang et al. 2024, Localizing task information for improved model merging, arXiv:2405.07813: consensus task
// arithmetic with TALL masks. A model has a use for an element if its own change is large beside what the others add.
#include "methods/kernels/consensus.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.hpp"
#include "methods/kernels/magnitude_select.hpp"
#include "methods/kernels/task_vector_merge.hpp"
#include "methods/kernels/whole_model.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec consensus;

namespace {

/// What inner TIES keeps of each model.
constexpr double inner_density = 0.2;

bool by_ties(const Settings& settings) { return settings.choice("inner") == "ties"; }

/// uses = uses + 1 where |delta| > mask_lambda |merged - delta|. NaN has a use, so that it is not masked out.
constexpr auto count_uses = []<class T>(const T* delta, const T* merged, T mask_lambda, std::size_t count, T* uses) {
  for (std::size_t i = 0; i < count; ++i) {
    const bool useless = std::abs(delta[i]) <= mask_lambda * std::abs(merged[i] - delta[i]);
    uses[i] += useless ? T{0} : T{1};
  }
};

template <class E>
struct WeightedTasks {
  const E* const* values;
  const ValueOf<E>* weights;
  std::size_t count;
  const E* base;
};

/// out = base + scale * (the weighted sum of the changes, where enough models have a use for it)
constexpr auto merge_used = []<class E, class T>(WeightedTasks<E> in, T mask_lambda, T least, T scale,
                                                 std::size_t count, E* out) {
  for (std::size_t first = 0; first < count; first += run_elements) {
    const std::size_t length = count - first < run_elements ? count - first : run_elements;
    const E* const base = in.base + first;
    alignas(64) T merged[run_elements], uses[run_elements];
    for (std::size_t m = 0; m < in.count; ++m) {
      const E* const x = in.values[m] + first;
      for (std::size_t i = 0; i < length; ++i) {
        merged[i] = (m == 0 ? T{0} : merged[i]) + in.weights[m] * (x[i] - base[i]);
      }
    }
    for (std::size_t m = 0; m < in.count; ++m) {
      const E* const x = in.values[m] + first;
      for (std::size_t i = 0; i < length; ++i) {
        const T delta = x[i] - base[i];
        const bool useless = std::abs(delta) <= mask_lambda * std::abs(merged[i] - delta);
        uses[i] = (m == 0 ? T{0} : uses[i]) + (useless ? T{0} : T{1});
      }
    }
    for (std::size_t i = 0; i < length; ++i) {
      out[first + i] = static_cast<E>(base[i] + scale * (uses[i] >= least ? merged[i] : T{0}));
    }
  }
};

/// merged = 0 where there are too few uses.
constexpr auto mask_unused = []<class T>(const T* uses, T least, std::size_t count, T* merged) {
  for (std::size_t i = 0; i < count; ++i) merged[i] = uses[i] >= least ? merged[i] : T{0};
};

std::vector<SelectTarget> inner_targets(const Settings& settings, const GroupInfo& group) {
  if (!by_ties(settings)) return {};
  const auto share = static_cast<std::uint64_t>(inner_density * static_cast<double>(group.elements));
  std::vector<SelectTarget> targets;
  for (std::size_t m = 0; m < group.models; ++m) {
    targets.push_back({.vector = m, .rank = std::max<std::uint64_t>(1, share)});
  }
  return targets;
}

SelectOptions inner_options(const Settings& settings, const GroupInfo& group) {
  return {.elements = group.elements,
          .wide = group.float64,
          .hashed_ties = settings.choice("tie_break") == "hash",
          .sampled = true};
}

/// With inner TIES: passes that select each model's largest changes, then one that adds up the elected signs.
class ConsensusMerge final : public TileMethod<ConsensusMerge> {
 public:
  ConsensusMerge(const Settings& settings, const GroupInfo& group)
      : models_(group.models),
        by_ties_(by_ties(settings)),
        select_(inner_targets(settings, group), inner_options(settings, group)),
        elects_signs_(by_ties_ && group.elements > 0) {}
  static constexpr bool stored = true;

  std::optional<TallyShape> next_pass() const override {
    if (const auto shape = select_.next_pass()) return shape;
    if (!elects_signs_) return std::nullopt;
    return TallyShape{.counts = 1};
  }
  NonfiniteInput nonfinite_input() const override {
    return select_.next_pass() ? NonfiniteInput::counted : NonfiniteInput::refused;
  }

  bool wants(const OutputTensor& tensor, ElementRange range) const override {
    return !select_.next_pass() || select_.wants(tensor.first_in_group + range.first, range.count);
  }

  template <class E>
  void observe_tile(const Tile<E>& in, TallyPart part) const {
    using T = ValueOf<E>;
    check_all_models(in, models_);
    const bool selects = select_.next_pass().has_value();
    for_each_sub_tile(in.size(), [&](std::size_t first, std::size_t count) {
      if (selects) return count_magnitudes(in, first, count, part);
      std::vector<T> values(models_ * sub_tile_elements);
      T votes[sub_tile_elements];
      count_votes(Consensus::sum, trimmed_entries(in, first, count, values.data()), votes);
      dispatch(add_sign_total, static_cast<const T*>(votes), count, part.counts.data());
    });
  }

  void conclude(const Totals& totals) override {
    if (select_.next_pass()) return select_.conclude(totals.counts);
    zero_elects_ = static_cast<std::int64_t>(totals.counts[0]) > 0 ? 1 : -1;
    elects_signs_ = false;
  }

  template <class E>
  void merge_tile(const Tile<E>& in, std::span<E> out) const {
    using T = ValueOf<E>;
    check_all_models(in, models_);
    const Settings& settings = in.tensor.settings;
    const T mask_lambda = static_cast<T>(settings.number("mask_lambda"));
    const T least = static_cast<T>(settings.number("min_models"));
    const T scale = static_cast<T>(task_vector_scale(settings));
    if (!by_ties_) {
      const auto given = settings.per_model("weight");
      const std::vector<T> weights(given.begin(), given.end());
      const WeightedTasks<E> tasks{in.model_values.data(), weights.data(), models_, in.base_values};
      return dispatch(merge_used, tasks, mask_lambda, least, scale, in.size(), out.data());
    }
    std::vector<T> values(models_ * sub_tile_elements);
    for_each_sub_tile(in.size(), [&](std::size_t first, std::size_t count) {
      T uses[sub_tile_elements], delta[sub_tile_elements], room[sub_tile_elements];
      T* const merged = room;
      merge_ties(in, first, count, values.data(), merged);
      std::fill_n(uses, count, T{0});
      for (std::size_t m = 0; m < models_; ++m) {
        dispatch(subtract, in.model_values[m] + first, in.base_values + first, count, static_cast<T*>(delta));
        dispatch(count_uses, static_cast<const T*>(delta), static_cast<const T*>(merged), mask_lambda, count,
                 static_cast<T*>(uses));
      }
      dispatch(mask_unused, static_cast<const T*>(uses), least, count, merged);
      dispatch(add_to_base, in.base_values + first, scale, static_cast<const T*>(merged), count, out.data() + first);
    });
  }

 private:
  template <class E>
  void count_magnitudes(const Tile<E>& in, std::size_t first, std::size_t count, TallyPart part) const {
    using T = ValueOf<E>;
    T values[sub_tile_elements];
    for (std::size_t m = 0; m < models_; ++m) {
      if (!select_.searches(m)) continue;
      const auto run = delta_run(in, m, first, count, values);
      select_.count(m, run.in_group(), static_cast<const T*>(values), part.counts);
    }
  }

  /// Of each model the weighted selected changes. @param values  sub_tile_elements for each model
  template <class E, class T>
  Entries<T> trimmed_entries(const Tile<E>& in, std::size_t first, std::size_t count, T* values) const {
    for (std::size_t m = 0; m < models_; ++m) {
      const auto run = delta_run(in, m, first, count, values + m * sub_tile_elements);
      select_.keep_selected(m, run.in_group(), run.values);
      const T weight = static_cast<T>(in.tensor.settings.per_model("weight")[m]);
      dispatch(multiply, weight, static_cast<const T*>(run.values), count, run.values);
    }
    return {values, models_, count, sub_tile_elements};
  }

  template <class E, class T>
  void merge_ties(const Tile<E>& in, std::size_t first, std::size_t count, T* values, T* merged) const {
    const Entries<T> entries = trimmed_entries(in, first, count, values);
    T elected[sub_tile_elements], mass[sub_tile_elements];
    count_votes(Consensus::sum, entries, elected);
    dispatch(elect, static_cast<T>(zero_elects_), count, static_cast<T*>(elected));
    std::fill_n(merged, count, T{0});
    std::fill_n(mass, count, T{0});
    for_each_group<T>(entries, {}, [&](const auto& group) {
      dispatch(add_agreeing, static_cast<const T*>(elected), group, count, merged, static_cast<T*>(mass));
    });
  }

  std::size_t models_;
  bool by_ties_;
  MagnitudeSelect select_;
  bool elects_signs_;  // where entries cancel exactly: still to be found
  int zero_elects_ = 1;
};

std::vector<std::string> check(const Settings& settings) {
  const double least = settings.number("min_models");
  const std::size_t models = settings.merge_models();
  if (models == 0 || least <= static_cast<double>(models)) return {};
  throw Error(
      ErrorKind::recipe,
      fmt::format("consensus: parameter 'min_models' = {}: must be in [0, {}], the number of models", least, models))
      .code("CFG052")
      .with("parameter", "min_models");
}

GroupScope scope(const Settings& settings) { return by_ties(settings) ? GroupScope::model : GroupScope::tensor; }

/// Two passes find the thresholds, one which elements at a threshold are kept, one the sign for exact cancellations.
Needs needs(const Settings& settings, const GroupInfo& group) {
  if (!by_ties(settings)) return {};
  const SelectNeeds inner = MagnitudeSelect::needs(group.models, group.models, MagnitudeSelect::value_passes + 1,
                                                   inner_options(settings, group));
  return {.passes = inner.passes + 1, .tally = {.counts = inner.counters}, .workspace_bytes = inner.workspace_bytes};
}

}  // namespace

extern const MethodSpec consensus{
    .name = "consensus",
    .summary = "task arithmetic or ties without what too few models have a use for",
    .formula =
        "u = sum(w_m (x_m - b)), or inner ties: of the 20 % largest changes of each whole model those of elected sign\n"
        "K_m = |x_m - b| > mask_lambda |u - (x_m - b)|;  out = b + lambda u where sum(K_m) >= min_models, b elsewhere",
    .source = "Localizing task information for improved model merging, arXiv:2405.07813",
    .base = BaseUse::required,
    .absent = AbsentRule::task_vectors,
    .cut = CutRule::base,
    .parameters =
        {{.name = "weight", .level = Level::model, .fallback = 1.0, .help = "factor of this model's task vector"},
         {.name = "mask_lambda",
          .fallback = 0.4,
          .interval = {.low = 0.0},
          .help = "how large a change must be beside the rest of the merged one to be of use to its model"},
         {.name = "min_models",
          .type = ValueType::integer,
          .fallback = 2.0,
          .interval = {.low = 0.0},
          .help = "how many models must have a use for an element; 0 masks nothing"},
         {.name = "inner",
          .type = ValueType::choice,
          .fallback = 0.0,
          .same_in_group = true,
          .choices = {"task_arithmetic", "ties"},
          .help = "how the task vectors are merged before elements are masked"},
         tie_break_parameter(),
         lambda_parameter(),
         lines_parameter()},
    .check = check,
    .scope = scope,
    .needs = needs,
    .make = make_method<ConsensusMerge>};

}  // namespace stockpot::methods
