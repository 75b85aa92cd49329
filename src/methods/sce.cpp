// SCE: select the elements on which the models differ most, weigh the models by their changes there, erase what is
// outvoted.
//
// Source: Wan et al. 2024, FuseChat, arXiv:2408.07990. mergekit has a fixed floor of 1e-6 below which all models weigh
// the same, which changes of usual size fall under (weight_floor: 1e-6); the paper has none.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include "methods/kernels/block_sums.hpp"
#include "methods/kernels/consensus.hpp"
#include "methods/kernels/masks.hpp"
#include "methods/kernels/task_vector_merge.hpp"
#include "methods/kernels/variance_select.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec sce;

namespace {

/// sum = sum + share * delta and mass = mass + share, where delta has the elected sign. The mask multiplies, so that a
/// NaN, which has no sign, is still seen in the result.
constexpr auto add_agreeing_share = []<class T>(const T* elected, const T* delta, T share, std::size_t count, T* sum,
                                                T* mass) {
  for (std::size_t i = 0; i < count; ++i) {
    const T agrees = masked(T{1}, mask_of<T>(elected[i] * delta[i] > 0));
    sum[i] += agrees * (share * delta[i]);
    mass[i] += agrees * share;
  }
};

/// out = base + scale * (sum / max(mass, 1e-6))
constexpr auto finish = []<class E, class T>(const E* base, const T* sum, const T* mass, T scale, std::size_t count,
                                             E* out) {
  constexpr T least_mass = T(1e-6);
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = static_cast<E>(base[i] + scale * (sum[i] / (mass[i] > least_mass ? mass[i] : least_mass)));
  }
};

template <std::size_t models>
struct Shares {
  float of[models];
};

/// All of these for few models, whose task vectors count as 0 where the entry is not above the bound.
constexpr auto merge_few = []<class E, std::size_t models>(FewModels<E, models> in, const std::uint32_t* entries,
                                                           std::uint32_t bound, Shares<models> shares, float scale,
                                                           std::size_t count, E* out) {
  constexpr float least_mass = 1e-6f;
  for (std::size_t i = 0; i < count; ++i) {
    const BitsOf<float> selected = mask_of<float>(entries[i] > bound);
    const float base = in.base[i];
    float delta[models], votes = 0.0f, sum = 0.0f, mass = 0.0f;
    for (std::size_t m = 0; m < models; ++m) {
      delta[m] = masked(in.model[m][i] - base, selected);
      votes += delta[m];
    }
    const float elected = chosen(mask_of<float>(votes >= 0.0f), 1.0f, -1.0f);
    for (std::size_t m = 0; m < models; ++m) {
      const float agrees = masked(1.0f, mask_of<float>(elected * delta[m] > 0.0f));
      sum += agrees * (shares.of[m] * delta[m]);
      mass += agrees * shares.of[m];
    }
    out[i] = static_cast<E>(base + scale * (sum / chosen(mask_of<float>(mass > least_mass), mass, least_mass)));
  }
};

/// lanes += (x - base)^2 where the entry is above the bound
constexpr auto add_selected_squares = []<class E>(const E* x, const E* base, const std::uint32_t* entries,
                                                  std::uint32_t bound, std::size_t count, double* lanes) {
  for (std::size_t first = 0; first < count; first += run_elements) {
    float delta[run_elements];
    const std::size_t length = std::min(run_elements, count - first);
    for (std::size_t i = 0; i < length; ++i) {
      delta[i] = masked(x[first + i] - base[first + i], mask_of<float>(entries[first + i] > bound));
    }
    add_products(delta, delta, length, lanes);
  }
};

bool hashes_ties(const Settings& settings) { return settings.choice("tie_break") == "hash"; }

/// Passes: the selection, if there is one, then one for the sums of squares that weigh the models.
class Sce final : public TileMethod<Sce> {
 public:
  Sce(const Settings& settings, const GroupInfo& group)
      : models_(group.models),
        elements_(group.elements),
        floor_(settings.number("weight_floor")),
        select_(settings.number("select_topk"), group, hashes_ties(settings)) {}

  static constexpr bool stored = true;
  /// A selection takes what is not finite as the largest variances.
  NonfiniteInput nonfinite_input() const override {
    return select_.next_pass() ? NonfiniteInput::counted : NonfiniteInput::refused;
  }

  std::optional<TallyShape> next_pass() const override {
    if (const auto shape = select_.next_pass()) return shape;
    if (!shares_.empty() || select_.none() || elements_ == 0) return std::nullopt;
    return TallyShape{.sums = models_};
  }

  bool wants(const OutputTensor& tensor, ElementRange range) const override {
    return !select_.next_pass() || select_.wants(tensor.first_in_group + range.first, range.count);
  }

  template <class E>
  void observe_tile(const Tile<E>& in, TallyPart part) const {
    const bool selecting = select_.next_pass().has_value();
    for_each_sub_tile(in.size(), [&](std::size_t first, std::size_t count) {
      const SubTile<E> sub{in, first, count};
      selecting ? select_.count(sub, part.counts) : add_squares(sub, part.sums);
    });
  }

  void conclude(const Totals& totals) override {
    if (select_.next_pass()) return select_.conclude(totals.counts);
    double all = 0.0;
    for (const double square : totals.sums) shares_.push_back(square / static_cast<double>(elements_));
    for (const double share : shares_) all += share;
    for (double& share : shares_) share = all == 0.0 || all < floor_ ? 1.0 / static_cast<double>(models_) : share / all;
  }

  template <class E>
  void merge_tile(const Tile<E>& in, std::span<E> out) const {
    if (select_.none()) return dispatch(copy, in.base_values, in.size(), out.data());
    const auto scale = static_cast<ValueOf<E>>(task_vector_scale(in.tensor.settings));
    for_each_sub_tile(in.size(), [&](std::size_t first, std::size_t count) {
      merge_sub_tile(SubTile<E>{in, first, count}, scale, out.data() + first);
    });
  }

 private:
  /// Calls body(FewModels, Selected) for a sub-tile of few models in float32 whose selected elements can be told by a mask.
  /// @return false if this is none.
  template <class E, class Body>
  bool with_mask(const SubTile<E>& in, const Body& body) const {
    bool done = false;
    if constexpr (std::is_same_v<ValueOf<E>, float>) {
      with_few(in.models(), [&]<std::size_t models>() {
        const FewModels<E, models> few = few_models<models>(in);
        Selected selected;
        done = select_.find_selected(few, in.run(), selected);
        if (done) body(few, selected);
      });
    }
    return done;
  }

  template <class E>
  void add_squares(const SubTile<E>& in, std::span<Lanes> sums) const {
    const bool done = with_mask(in, [&]<std::size_t models>(const FewModels<E, models>& few, const Selected& selected) {
      for (std::size_t m = 0; m < models; ++m) {
        dispatch(add_selected_squares, few.model[m], few.base, static_cast<const std::uint32_t*>(selected.entries),
                 selected.bound, in.count, sums[m].sum.data());
      }
    });
    if (done) return;
    Deltas deltas(in);
    select_.keep_selected(in, deltas);
    for (std::size_t m = 0; m < models_; ++m) {
      const ValueOf<E>* const delta = deltas.of(m);
      dispatch(add_products, delta, delta, in.count, sums[m].sum.data());
    }
  }

  template <class E, class T>
  void merge_sub_tile(const SubTile<E>& in, T scale, E* out) const {
    const bool done = with_mask(in, [&]<std::size_t models>(const FewModels<E, models>& few, const Selected& selected) {
      Shares<models> shares{};
      for (std::size_t m = 0; m < models; ++m) shares.of[m] = static_cast<float>(shares_[m]);
      dispatch(merge_few, few, static_cast<const std::uint32_t*>(selected.entries), selected.bound, shares, scale,
               in.count, out);
    });
    if (done) return;
    Deltas deltas(in);
    select_.keep_selected(in, deltas);
    T elected[sub_tile_elements], sum[sub_tile_elements]{}, mass[sub_tile_elements]{};
    count_votes(Consensus::sum, deltas.entries(), elected);
    dispatch(elect, T{1}, in.count, static_cast<T*>(elected));
    for (std::size_t m = 0; m < models_; ++m) {
      dispatch(add_agreeing_share, static_cast<const T*>(elected), static_cast<const T*>(deltas.of(m)),
               static_cast<T>(shares_[m]), in.count, static_cast<T*>(sum), static_cast<T*>(mass));
    }
    dispatch(finish, in.base(), static_cast<const T*>(sum), static_cast<const T*>(mass), scale, in.count, out);
  }

  std::size_t models_;
  std::uint64_t elements_;
  double floor_;
  VarianceSelect select_;
  std::vector<double> shares_;  // of each model
};

Needs needs(const Settings& settings, const GroupInfo& group) {
  Needs needs{.passes = 1, .tally = {.sums = group.models}};
  const double part = settings.number("select_topk");
  if (part == 1.0) return needs;
  if (part == 0.0 || group.models < 2) return {};
  const SelectNeeds selection = VarianceSelect::needs(group, hashes_ties(settings));
  needs.passes += selection.passes;
  needs.tally.counts = selection.counters;
  needs.workspace_bytes = selection.workspace_bytes;
  return needs;
}

}  // namespace

extern const MethodSpec sce{
    .name = "sce",
    .summary = "select elements by variance, weigh models by their changes there, drop outvoted signs",
    .formula =
        "d_m = (x_m - b) on the select_topk * z elements of largest variance, of z that differ; select_topk 1: on all\n"
        "e_m = |d_m|^2 / sum |d_j|^2;  out = b + sum(e_m d_m where its sign is that of sum(d_j)) / sum(those e_m)",
    .source = "FuseChat, arXiv:2408.07990",
    .base = BaseUse::required,
    .min_models = 0,
    .absent = AbsentRule::task_vectors,
    .parameters =
        {{.name = "select_topk",
          .fallback = 1.0,
          .interval = {0.0, 1.0},
          .help = "part of the elements that differ between the models that is kept"},
         {.name = "weight_floor",
          .fallback = 0.0,
          .interval = {.low = 0.0},
          .help = "mean squared change below which all models weigh the same (mergekit: 1e-6)"},
         tie_break_parameter(),
         {.name = "int8_mask", .type = ValueType::boolean, .fallback = 0.0, .help = "accepted, has no effect"},
         lines_parameter()},
    .needs = needs,
    .make = make_method<Sce>};

}  // namespace stockpot::methods
