// PCB: average the changes of the models, each weighed by its own size and by how much it agrees with those of the
// others; what weighs little is dropped.
//
// Source: Du et al. 2024, Parameter competition balancing for model merging (PCB-merging), arXiv:2410.02396. The
// parameters that compete are those of the whole model (scope: model).
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/exponential.hpp"
#include "methods/kernels/element_loops.hpp"
#include "methods/kernels/magnitude_select.hpp"
#include "methods/kernels/sub_tile.hpp"
#include "methods/kernels/task_vector_scale.hpp"
#include "methods/kernels/whole_model.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec pcb;

namespace {

/// A sum of shares below this divides as this.
constexpr double least_mass = 1e-12;

/// Where values are held, and what maps them to [0, 1] there.
struct Bounds {
  double low = 0.0;
  double high = 0.0;
  double width = 0.0;

  double hold(double value) const {
    const double not_low = value < low ? low : value;
    return not_low > high ? high : not_low;
  }
  double unit(double value) const { return (hold(value) - low) / width; }
};

/// Of few values the upper bound may be below the lower one, and wins. All are equal then, which maps to 0.
Bounds bounds_of(double low, double high) {
  if (high <= low) return {high, high, std::numeric_limits<double>::infinity()};
  return {low, high, high - low};
}

/// total = total + x
constexpr auto add_to_total = []<class T>(const T* x, std::size_t count, double* total) {
  for (std::size_t i = 0; i < count; ++i) total[i] += static_cast<double>(x[i]);
};

/// score = exp(models * u^2) * tanh(delta * total), u = |delta| mapped to [0, 1]; rounded to float32, in which scores are
/// compared. NaN is positive, so that it counts as the largest.
constexpr auto write_scores = []<class T>(const T* delta, const double* total, Bounds magnitudes, double models,
                                          std::size_t count, float* scores) {
  // Of very many models e^models is beyond float32. A common factor does not matter: scores are mapped to [0, 1].
  const double shift = std::max(0.0, models - 64.0);
  for (std::size_t i = 0; i < count; ++i) {
    const double change = static_cast<double>(delta[i]);
    const double unit = magnitudes.unit(std::abs(change));
    const auto score =
        static_cast<float>(exponential(models * (unit * unit) - shift) * hyperbolic_tangent(change * total[i]));
    scores[i] = score == score ? score : std::numeric_limits<float>::quiet_NaN();
  }
};

/// sum = sum + weight * delta * share, mass = mass + share: delta held in its bounds, share the score mapped to [0, 1].
constexpr auto add_share = []<class T>(const T* delta, Bounds magnitudes, const float* scores, Bounds of_scores,
                                       double weight, std::size_t count, double* sum, double* mass) {
  for (std::size_t i = 0; i < count; ++i) {
    const double change = static_cast<double>(delta[i]);
    const double held = std::copysign(magnitudes.hold(std::abs(change)), change);
    const double share = of_scores.unit(static_cast<double>(scores[i]));
    sum[i] += weight * (change == 0.0 ? 0.0 : held) * share;
    mass[i] += share;
  }
};

/// out = base + lambda * (sum / mass)
constexpr auto add_mean = []<class T>(const T* base, T lambda, const double* sum, const double* mass, std::size_t count,
                                      T* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const double divisor = mass[i] < least_mass ? least_mass : mass[i];
    out[i] = base[i] + lambda * static_cast<T>(sum[i] / divisor);
  }
};

/// For each model its elements number `low` and `high`, 0-based in ascending order.
std::vector<SelectTarget> order_statistics(std::size_t models, std::uint64_t low, std::uint64_t high) {
  std::vector<SelectTarget> targets;
  for (std::size_t m = 0; m < models; ++m) {
    for (const std::uint64_t index : {low, high}) {
      targets.push_back({.vector = m, .rank = index + 1, .order = SelectOrder::smallest_first, .all_equal = true});
    }
  }
  return targets;
}

std::uint64_t part_of(double part, std::uint64_t elements) {
  return static_cast<std::uint64_t>(part * static_cast<double>(elements));
}

/// Magnitudes without the `clip` smallest and largest of them.
std::vector<SelectTarget> magnitude_targets(const Settings& settings, const GroupInfo& group) {
  const double clip = settings.number("clip"), elements = static_cast<double>(group.elements);
  const auto high = static_cast<std::uint64_t>(std::max(0.0, elements * (1.0 - clip) - 1.0));
  return order_statistics(group.models, part_of(clip, group.elements), high);
}

/// The largest `ratio` of the scores.
std::vector<SelectTarget> score_targets(const Settings& settings, const GroupInfo& group) {
  const std::uint64_t last = group.elements - 1;
  const std::uint64_t low = std::min(last, part_of(1.0 - settings.number("ratio"), group.elements));
  return order_statistics(group.models, low, last);
}

SelectOptions magnitude_options(const GroupInfo& group) { return {.elements = group.elements, .wide = group.float64}; }

SelectOptions score_options(const GroupInfo& group) { return {.elements = group.elements, .key = SelectKey::value}; }

/// The bounds of each model that a finished selection has found.
std::vector<Bounds> bounds_found(const MagnitudeSelect& select, std::size_t models) {
  std::vector<Bounds> bounds;
  for (std::size_t m = 0; m < models; ++m) {
    bounds.push_back(bounds_of(select.threshold(2 * m), select.threshold(2 * m + 1)));
  }
  return bounds;
}

/// The changes of all models in one sub-tile, and their sum.
template <class T>
class Changes {
 public:
  explicit Changes(std::size_t models) : values_(models * sub_tile_elements) {}

  void load(const Tile<T>& in, std::size_t first, std::size_t count) {
    std::fill_n(total_, count, 0.0);
    for (std::size_t m = 0; m < in.models(); ++m) {
      T* into = values_.data() + m * sub_tile_elements;
      dispatch(subtract, in.model_values[m] + first, in.base_values + first, count, into);
      dispatch(add_to_total, static_cast<const T*>(into), count, total_);
    }
  }
  const T* of(std::size_t model) const { return values_.data() + model * sub_tile_elements; }
  const double* total() const { return total_; }

 private:
  std::vector<T> values_;
  double total_[sub_tile_elements];
};

/// Passes: the bounds of every model's magnitudes, then those of its scores.
class Pcb final : public TileMethod<Pcb> {
 public:
  Pcb(const Settings& settings, const GroupInfo& group)
      : models_(group.models),
        select_magnitudes_(magnitude_targets(settings, group), magnitude_options(group)),
        select_scores_(score_targets(settings, group), score_options(group)) {}

  std::optional<TallyShape> next_pass() const override {
    if (const auto shape = select_magnitudes_.next_pass()) return shape;
    return select_scores_.next_pass();
  }

  template <class T>
  void observe_tile(const Tile<T>& in, TallyPart part) const {
    check_all_models(in, models_);
    const bool of_scores = !select_magnitudes_.next_pass();
    Changes<T> changes(models_);
    float scores[sub_tile_elements];
    for_each_sub_tile(in.size(), [&](std::size_t first, std::size_t count) {
      const SelectRun run{.first = in.tensor.first_in_group + in.range.first + first, .count = count};
      changes.load(in, first, count);
      for (std::size_t m = 0; m < models_; ++m) {
        if (of_scores) {
          score(changes, m, count, scores);
          select_scores_.count(m, run, static_cast<const float*>(scores), part.counts);
        } else {
          select_magnitudes_.count(m, run, changes.of(m), part.counts);
        }
      }
    });
  }

  void conclude(const Totals& totals) override {
    if (select_magnitudes_.next_pass()) {
      select_magnitudes_.conclude(totals.counts);
      if (!select_magnitudes_.next_pass()) magnitudes_ = bounds_found(select_magnitudes_, models_);
      return;
    }
    select_scores_.conclude(totals.counts);
    if (!select_scores_.next_pass()) scores_ = bounds_found(select_scores_, models_);
  }

  template <class T>
  void merge_tile(const Tile<T>& in, std::span<T> out) const {
    check_all_models(in, models_);
    const Settings& settings = in.tensor.settings;
    const T lambda = static_cast<T>(task_vector_scale(settings));
    Changes<T> changes(models_);
    float scores[sub_tile_elements];
    for_each_sub_tile(in.size(), [&](std::size_t first, std::size_t count) {
      double sum[sub_tile_elements] = {}, mass[sub_tile_elements] = {};
      changes.load(in, first, count);
      for (std::size_t m = 0; m < models_; ++m) {
        const T weight = static_cast<T>(settings.per_model("weight")[m]);
        score(changes, m, count, scores);
        dispatch(add_share, changes.of(m), magnitudes_[m], static_cast<const float*>(scores), scores_[m],
                 static_cast<double>(weight), count, sum, mass);
      }
      dispatch(add_mean, in.base_values + first, lambda, static_cast<const double*>(sum),
               static_cast<const double*>(mass), count, out.data() + first);
    });
  }

 private:
  template <class T>
  void score(const Changes<T>& changes, std::size_t model, std::size_t count, float* scores) const {
    dispatch(write_scores, changes.of(model), changes.total(), magnitudes_[model], static_cast<double>(models_), count,
             scores);
  }

  std::size_t models_;
  MagnitudeSelect select_magnitudes_, select_scores_;
  std::vector<Bounds> magnitudes_, scores_;  // of each model, once found
};

Needs needs(const Settings&, const GroupInfo& group) {
  constexpr int passes = MagnitudeSelect::value_passes;
  const auto needs_of = [&](int of_values, const SelectOptions& options) {
    return MagnitudeSelect::needs(group.models, 2 * group.models, of_values, options);
  };
  const SelectNeeds magnitudes = needs_of(passes * (group.float64 ? 2 : 1), magnitude_options(group));
  const SelectNeeds scores = needs_of(passes, score_options(group));
  return {.passes = magnitudes.passes + scores.passes,
          .tally = {.counts = std::max(magnitudes.counters, scores.counters)},
          .workspace_bytes = std::max(magnitudes.workspace_bytes, scores.workspace_bytes)};
}

}  // namespace

extern const MethodSpec pcb{
    .name = "pcb",
    .summary = "changes weighed by their size and by their agreement with the other models",
    .formula =
        "d_m = x_m - b;  A_m = |d_m| held within its clip and 1 - clip quantiles;  unit(v) = (v - min) / (max - min)\n"
        "S_m = exp(N unit(A_m)^2) tanh(d_m sum(d_j));  S_m = unit(S_m held above its 1 - ratio quantile)\n"
        "out = b + lambda sum(w_m sign(d_m) A_m S_m) / sum(S_m)",
    .source = "PCB-merging, arXiv:2410.02396",
    .base = BaseUse::required,
    .absent = AbsentRule::task_vectors,
    .cut = CutRule::base,
    .parameters = {{.name = "weight",
                    .level = Level::model,
                    .fallback = 1.0,
                    .help = "scale of this model's change; its share of the mean does not depend on it"},
                   {.name = "ratio",
                    .fallback = 0.1,
                    .same_in_group = true,
                    .interval = {0.0, 1.0, true, false},
                    .help = "part of each model's changes that get a share"},
                   {.name = "clip",
                    .fallback = 1e-4,
                    .same_in_group = true,
                    .interval = {0.0, 0.5, false, true},
                    .help = "part of the smallest and of the largest changes that is cut to the next in size"},
                   lambda_parameter(),
                   lines_parameter(),
                   {.name = "scope",
                    .type = ValueType::choice,
                    .fallback = 0.0,
                    .same_in_group = true,
                    .choices = {"model", "tensor"},
                    .help = "what quantiles are of: the whole model as in the paper, or a tensor"}},
    .scope = [](const Settings& s) { return s.choice("scope") == "model" ? GroupScope::model : GroupScope::tensor; },
    .needs = needs,
    .make = make_method<Pcb>};

}  // namespace stockpot::methods
