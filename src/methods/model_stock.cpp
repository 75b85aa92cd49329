// Model stock: move from the base towards the mean of the models, as far as the angle between their offsets allows.
//
// Source: Jang et al. 2024, Model stock, arXiv:2403.19522. For more than two models the paper has one angle, assumed
// equal for all pairs; the mean of the pairwise cosines is mergekit's reading of it, the mean angle another
// (angle_mean).
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "core/trigonometry.hpp"
#include "methods/kernels/element_loops.hpp"
#include "methods/kernels/gram.hpp"
#include "methods/kernels/sub_tile.hpp"
#include "methods/kernels/weighted_sum.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec model_stock;

namespace {

/// 1 + (N-1) cos below this leaves no direction to go: stay at the base.
constexpr double least_denominator = 1e-6;

/// How far to go from the base to the mean.
struct Ratio {
  double t = 0.0;
  bool degenerate = false;  ///< the denominator vanished
};

class RatioRule {
 public:
  RatioRule(const Settings& settings, std::size_t models)
      : models_(models),
        cos_eps_(settings.number("cos_eps")),
        mean_of_angles_(settings.choice("angle_mean") == "angle"),
        clamp_(settings.choice("t_clamp") == "unit") {}

  Ratio ratio(std::span<const double> triangle) const {
    const double n = static_cast<double>(models_);
    const double mean = mean_cosine(Gram(triangle, models_));
    const double denominator = 1.0 + (n - 1.0) * mean;
    if (denominator < least_denominator) return {.t = 0.0, .degenerate = true};
    const double t = n * mean / denominator;
    return {.t = clamp_ ? std::clamp(t, 0.0, 1.0) : t};
  }

 private:
  double mean_cosine(const Gram& gram) const {
    double sum = 0.0;
    for (std::size_t j = 0; j < models_; ++j) {
      for (std::size_t k = j + 1; k < models_; ++k) {
        const double c = pair_cosine(gram(j, j), gram(k, k), gram(j, k));
        sum += mean_of_angles_ ? arc_cosine(c) : c;
      }
    }
    const double mean = sum / static_cast<double>(pairs_of(models_ - 1));
    return mean_of_angles_ ? cosine(mean) : mean;
  }

  double pair_cosine(double square_j, double square_k, double dot) const {
    const double denominator = std::max(std::sqrt(square_j) * std::sqrt(square_k), cos_eps_);
    return denominator == 0.0 ? 0.0 : std::clamp(dot / denominator, -1.0, 1.0);
  }

  std::size_t models_;
  double cos_eps_;
  bool mean_of_angles_;
  bool clamp_;
};

/// What is worth a remark about many ratios, gathered from several threads in any order.
class RatioRemarks {
 public:
  void add(Ratio ratio) {
    if (ratio.degenerate) degenerate_.fetch_add(1, std::memory_order_relaxed);
    if (!(ratio.t < 0.0)) return;
    negative_.fetch_add(1, std::memory_order_relaxed);
    double least = least_.load(std::memory_order_relaxed);
    while (ratio.t < least && !least_.compare_exchange_weak(least, ratio.t, std::memory_order_relaxed)) {
    }
  }

  std::vector<std::string> text(std::string_view unit) const {
    std::vector<std::string> remarks;
    if (negative_ > 0) {
      remarks.push_back(fmt::format("t was negative in {} {}, least {:.4g}; t_clamp: unit stops at the base",
                                    negative_.load(), unit, least_.load()));
    }
    if (degenerate_ > 0) {
      remarks.push_back(fmt::format("offsets cancel in {} {}: the base was kept there", degenerate_.load(), unit));
    }
    return remarks;
  }

 private:
  std::atomic<std::uint64_t> negative_{0}, degenerate_{0};
  std::atomic<double> least_{std::numeric_limits<double>::infinity()};
};

/// out = t (sum(x_m) / N) + rest * base
constexpr auto blend_mean = []<class E, class T, std::size_t models>(WeightedModels<E, models> in, const E* base, T t,
                                                                     T rest, std::size_t count, E* out) {
  write_each(count, out, [=](auto at) {
    T sum{0};
    for (std::size_t m = 0; m < models; ++m) sum += at(in.values[m]);
    return t * (sum / static_cast<T>(models)) + rest * at(base);
  });
};

template <class E, class T>
void blend_mean_of_many(const Tile<E>& in, T t, T rest, std::span<E> out) {
  for_each_sub_tile(in.size(), [&](std::size_t first, std::size_t count) {
    T room[sub_tile_elements];
    T* const mean = room;
    std::fill_n(mean, count, T{0});
    for (std::size_t m = 0; m < in.models(); ++m) {
      dispatch(add, static_cast<const T*>(mean), in.model_values[m] + first, count, mean);
    }
    dispatch(divide, static_cast<T>(in.models()), count, mean);
    dispatch(blend, t, static_cast<const T*>(mean), rest, in.base_values + first, count, out.data() + first);
  });
}

/// out = t mean(x) + (1 - t) b
template <class E>
void move_to_mean(const Tile<E>& in, double ratio, std::span<E> out) {
  using T = ValueOf<E>;
  const T t = static_cast<T>(ratio), rest = T{1} - t;
  const std::vector<double> no_factors(in.models());
  const bool few = with_few(in.models(), [&]<std::size_t models>() {
    dispatch(blend_mean, weighted_models<models>(in, no_factors), in.base_values, t, rest, out.size(), out.data());
  });
  if (!few) blend_mean_of_many(in, t, rest, out);
}

/// Elements [first, first + count) of a tile. @param models  memory for what the part points to.
template <class E>
Tile<E> part_of(const Tile<E>& in, std::size_t first, std::size_t count, std::vector<const E*>& models) {
  models.assign(in.model_values.begin(), in.model_values.end());
  for (const E*& model : models) model += first;
  return {in.tensor, {in.range.first + first, count}, in.base_values + first, models};
}

/// One ratio for the tensor, from one pass; or one per row, which the row itself gives while it is merged.
class ModelStock final : public TileMethod<ModelStock> {
 public:
  ModelStock(const Settings& settings, const GroupInfo& group)
      : by_row_(settings.flag("filter_wise")), rule_(settings, group.models), models_(group.models) {}
  static constexpr bool stored = true;
  static constexpr bool absorbing = true;
  static constexpr NonfiniteInput in_passes = NonfiniteInput::in_sums;

  std::optional<TallyShape> next_pass() const override {
    if (by_row_ || ratio_) return std::nullopt;
    return TallyShape{.sums = pairs_of(models_)};
  }

  template <class E>
  void observe_tile(const Tile<E>& in, TallyPart part) const {
    GramSums(in.model_values, in.base_values).add(0, in.size(), part.sums);
  }

  void conclude(const Totals& totals) override {
    ratio_ = rule_.ratio(totals.sums);
    remarks_.add(*ratio_);
  }

  template <class E>
  void merge_tile(const Tile<E>& in, std::span<E> out) const {
    if (!by_row_) return move_to_mean(in, ratio_->t, out);
    const std::size_t row = in.tensor.row_elements;
    GramSums sums(in.model_values, in.base_values);
    std::vector<double> gram(pairs_of(in.models()));
    std::vector<const E*> models;
    for (std::size_t first = 0; first < in.size(); first += row) {
      sums.run(first, row, gram);
      const Ratio ratio = rule_.ratio(gram);
      remarks_.add(ratio);
      move_to_mean(part_of(in, first, row, models), ratio.t, out.subspan(first, row));
    }
  }

  std::vector<std::string> remarks() const override { return remarks_.text(by_row_ ? "rows" : "tensors"); }

 private:
  bool by_row_;
  RatioRule rule_;
  std::size_t models_;
  std::optional<Ratio> ratio_;
  mutable RatioRemarks remarks_;
};

}  // namespace

extern const MethodSpec model_stock{
    .name = "model_stock",
    .summary = "base and mean of the models, mixed by the angle between their offsets",
    .formula =
        "c = mean over pairs of cos(x_j - b, x_k - b);  t = N c / (1 + (N-1) c)\n"
        "out = t mean(x_m) + (1-t) b, with one t per tensor, or per row (filter_wise)",
    .source = "Model stock, arXiv:2403.19522",
    .base = BaseUse::required,
    .min_models = 2,
    .absent = AbsentRule::base_or_all,
    .parameters = {{.name = "filter_wise", .type = ValueType::boolean, .fallback = 0.0, .help = "one t per row"},
                   {.name = "cos_eps",
                    .fallback = 1e-6,
                    .interval = {.low = 0.0},
                    .help = "least product of norms that a cosine divides by; 0 does not damp small offsets"},
                   {.name = "t_clamp",
                    .type = ValueType::choice,
                    .fallback = 0.0,
                    .choices = {"none", "unit"},
                    .help = "whether t is held in [0, 1]"},
                   {.name = "angle_mean",
                    .type = ValueType::choice,
                    .fallback = 0.0,
                    .choices = {"cosine", "angle"},
                    .help = "what is averaged over the pairs"}},
    .granularity = [](const Settings& s) { return s.flag("filter_wise") ? Granularity::row : Granularity::block; },
    .needs =
        [](const Settings& s, const GroupInfo& group) {
          return s.flag("filter_wise") ? Needs{} : Needs{.passes = 1, .tally = {.sums = pairs_of(group.models)}};
        },
    .make = make_method<ModelStock>};

}  // namespace stockpot::methods
