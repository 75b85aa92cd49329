// RAM: a change that only one model made is kept whole, changes of several models at one element are averaged.
//
// Source: Behavior knowledge merge in reinforced agentic models, arXiv:2601.13572. RAM+ scales a model's own changes up
// by how many it shares with others, relative to its own. The paper counts over the whole model (ramplus), mergekit per
// tensor (ramplus_tl). The authors' code bounds that ratio by 1 beforehand; here alpha alone bounds it, as in mergekit.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "methods/kernels/consensus.hpp"
#include "methods/kernels/masks.hpp"
#include "methods/kernels/sub_tile.hpp"
#include "methods/kernels/task_vector_scale.hpp"
#include "methods/kernels/weighted_sum.hpp"
#include "methods/kernels/whole_model.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec ram, ramplus_tl, ramplus;

namespace {

/// Whether an element changed by more than epsilon. NaN has.
template <class T>
constexpr bool is_change(T delta, T epsilon) {
  return !(std::abs(delta) <= epsilon);
}

/// changes = changes + 1 where the model changed the element.
constexpr auto count_changes = []<class E, class T>(const E* x, const E* base, T epsilon, std::size_t count,
                                                    T* changes) {
  for (std::size_t i = 0; i < count; ++i) changes[i] += masked(T{1}, mask_of<T>(is_change(x[i] - base[i], epsilon)));
};

/// How many of a model's changes are at elements that others changed as well, and how many at elements of its own.
struct ChangeCounts {
  std::uint64_t* shared;
  std::uint64_t* unique;
};

constexpr auto add_change_counts = []<class E, class T>(const E* x, const E* base, T epsilon, const T* changes,
                                                        std::size_t count, ChangeCounts counts) {
  std::uint32_t all = 0, unique = 0;  // of a sub-tile at most
  for (std::size_t i = 0; i < count; ++i) {
    const bool changed = is_change(x[i] - base[i], epsilon);
    all += changed ? 1 : 0;
    unique += changed & (changes[i] == 1) ? 1 : 0;
  }
  *counts.shared += all - unique;
  *counts.unique += unique;
};

/// A change's share where others changed the element, else the change times `factor`.
template <class T>
constexpr T share_of(T delta, T changes, T factor) {
  return chosen(mask_of<T>(changes == 1), factor * delta, delta / changes);
}

/// sum = sum + the model's share
constexpr auto add_changes = []<class E, class T>(const E* x, const E* base, T epsilon, T factor, const T* changes,
                                                  std::size_t count, T* sum) {
  for (std::size_t i = 0; i < count; ++i) {
    const T delta = x[i] - base[i];
    sum[i] += masked(share_of(delta, changes[i], factor), mask_of<T>(is_change(delta, epsilon)));
  }
};

/// All of it in one loop. out = base + scale * (sum of the shares)
constexpr auto merge_changes = []<class E, class T, std::size_t models>(WeightedModels<E, models> in, const E* base,
                                                                        T epsilon, T scale, std::size_t count, E* out) {
  write_each(count, out, [=](auto at) {
    T delta[models], changes{0}, sum{0};
    BitsOf<T> changed[models];
    for (std::size_t m = 0; m < models; ++m) {
      delta[m] = at(in.values[m]) - at(base);
      changed[m] = mask_of<T>(is_change(delta[m], epsilon));
      changes += masked(T{1}, changed[m]);
    }
    for (std::size_t m = 0; m < models; ++m) sum += masked(share_of(delta[m], changes, in.factor[m]), changed[m]);
    return at(base) + scale * sum;
  });
};

/// Counts, in one pass, what the factors of RAM+ need; without them every factor is 1.
class Ram final : public TileMethod<Ram> {
 public:
  Ram(const Settings& settings, const GroupInfo& group)
      : models_(group.models),
        counts_(settings.declares("r") && group.elements > 0),
        epsilon_(settings.number("epsilon")),
        factors_(models_, 1.0) {
    if (!settings.declares("r")) return;
    r_ = settings.number("r");
    alpha_ = settings.number("alpha");
  }
  /// No change is larger than an infinite epsilon, not even an infinite one.
  bool shows_nonfinite() const override { return epsilon_ <= std::numeric_limits<float>::max(); }
  static constexpr bool stored = true;

  std::optional<TallyShape> next_pass() const override {
    if (!counts_) return std::nullopt;
    return TallyShape{.counts = 2 * models_};
  }

  template <class E>
  void observe_tile(const Tile<E>& in, TallyPart part) const {
    check_all_models(in, models_);
    for_each_change_count(in, [&]<class T>(std::size_t first, std::size_t count, T epsilon, const T* changes) {
      for (std::size_t m = 0; m < models_; ++m) {
        dispatch(add_change_counts, in.model_values[m] + first, in.base_values + first, epsilon, changes, count,
                 ChangeCounts{&part.counts[2 * m], &part.counts[2 * m + 1]});
      }
    });
  }

  void conclude(const Totals& totals) override {
    for (std::size_t m = 0; m < models_; ++m) {
      const auto shared = static_cast<double>(totals.counts[2 * m]);
      const auto unique = static_cast<double>(totals.counts[2 * m + 1]);
      factors_[m] = 1.0 + r_ * std::min(shared / std::max(unique, epsilon_), alpha_);
    }
    counts_ = false;
  }

  template <class E>
  void merge_tile(const Tile<E>& in, std::span<E> out) const {
    check_all_models(in, models_);
    using T = ValueOf<E>;
    const T scale = static_cast<T>(task_vector_scale(in.tensor.settings));
    const bool few = with_few(models_, [&]<std::size_t models>() {
      dispatch(merge_changes, weighted_models<models>(in, factors_), in.base_values, static_cast<T>(epsilon_), scale,
               in.size(), out.data());
    });
    if (!few) merge_many(in, scale, out);
  }

 private:
  template <class E, class T>
  void merge_many(const Tile<E>& in, T scale, std::span<E> out) const {
    for_each_change_count(in, [&](std::size_t first, std::size_t count, T epsilon, const T* changes) {
      T room[sub_tile_elements];
      T* const sum = room;
      std::fill_n(sum, count, T{0});
      for (std::size_t m = 0; m < models_; ++m) {
        dispatch(add_changes, in.model_values[m] + first, in.base_values + first, epsilon, static_cast<T>(factors_[m]),
                 changes, count, sum);
      }
      dispatch(add_to_base, in.base_values + first, scale, static_cast<const T*>(sum), count, out.data() + first);
    });
  }

  /// Calls body(first, count, epsilon, changes) for the sub-tiles of a tile: how many models changed each element.
  template <class E, class Body>
  void for_each_change_count(const Tile<E>& in, const Body& body) const {
    using T = ValueOf<E>;
    const auto epsilon = static_cast<T>(epsilon_);
    for_each_sub_tile(in.size(), [&](std::size_t first, std::size_t count) {
      T changes[sub_tile_elements];
      std::fill_n(changes, count, T{0});
      for (std::size_t m = 0; m < models_; ++m) {
        dispatch(count_changes, in.model_values[m] + first, in.base_values + first, epsilon, count,
                 static_cast<T*>(changes));
      }
      body(first, count, epsilon, static_cast<const T*>(changes));
    });
  }

  std::size_t models_;
  bool counts_;
  double epsilon_;
  double r_ = 0.0, alpha_ = 0.0;
  std::vector<double> factors_;  // of each model's own changes
};

ParameterSpec epsilon(bool divides) {
  return {.name = "epsilon",
          .fallback = 1e-5,
          .same_in_group = true,
          .interval = {.low = 0.0, .low_open = divides},
          .help = "changes up to this magnitude are dropped and do not count"};
}

std::vector<ParameterSpec> plus_parameters() {
  return {epsilon(true),
          {.name = "r",
           .fallback = 0.1,
           .same_in_group = true,
           .interval = {.low = 0.0},
           .help = "how much a model's own changes are scaled up per shared change"},
          {.name = "alpha",
           .fallback = 0.2,
           .same_in_group = true,
           .interval = {.low = 0.0},
           .help = "bound of the ratio of shared to own changes"},
          lines_parameter()};
}

Needs plus_needs(const Settings&, const GroupInfo& group) {
  return {.passes = 1, .tally = {.counts = 2 * group.models}};
}

}  // namespace

extern const MethodSpec ram{
    .name = "ram",
    .summary = "changes of one model kept whole, changes of several averaged",
    .formula = "c = number of models with |x_m - b| > epsilon;  out = b + sum(those x_m - b) / c",
    .source = "Behavior knowledge merge in reinforced agentic models, arXiv:2601.13572",
    .base = BaseUse::required,
    .min_models = 0,
    .absent = AbsentRule::task_vectors,
    .parameters = {epsilon(false), lines_parameter()},
    .make = make_method<Ram>};

extern const MethodSpec ramplus_tl{
    .name = "ramplus_tl",
    .summary = "ram with a model's own changes scaled up, by counts of each tensor",
    .formula =
        "as ram, but times l_m where c = 1:  l_m = 1 + r min(shared_m / unique_m, alpha)\n"
        "shared_m, unique_m: the model's changes where c > 1, where c = 1, in the tensor",
    .source = "Behavior knowledge merge in reinforced agentic models, arXiv:2601.13572",
    .base = BaseUse::required,
    .min_models = 0,
    .absent = AbsentRule::task_vectors,
    .parameters = plus_parameters(),
    .needs = plus_needs,
    .make = make_method<Ram>};

extern const MethodSpec ramplus{
    .name = "ramplus",
    .summary = "ram with a model's own changes scaled up, by counts of the whole model",
    .formula =
        "as ram, but times l_m where c = 1:  l_m = 1 + r min(shared_m / unique_m, alpha)\n"
        "shared_m, unique_m: the model's changes where c > 1, where c = 1, in the whole model",
    .source = "Behavior knowledge merge in reinforced agentic models, arXiv:2601.13572",
    .base = BaseUse::required,
    .min_models = 0,
    .absent = AbsentRule::task_vectors,
    .parameters = plus_parameters(),
    .scope = [](const Settings&) { return GroupScope::model; },
    .needs = plus_needs,
    .make = make_method<Ram>};

}  // namespace stockpot::methods
