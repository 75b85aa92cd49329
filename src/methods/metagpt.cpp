// MetaGPT: task arithmetic with weights in proportion to the squared length of each task vector.
//
// Source: Zhou et al. 2024, MetaGPT, arXiv:2406.11385. The paper takes the lengths over the whole model.
#include <algorithm>
#include <optional>
#include <vector>

#include "methods/kernels/block_sums.hpp"
#include "methods/kernels/task_vector_scale.hpp"
#include "methods/kernels/weighted_sum.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec metagpt;

namespace {

/// lanes += (x - base)^2; the difference is rounded to T first.
constexpr auto add_squared_offsets = []<class E>(const E* x, const E* base, std::size_t count, double* lanes) {
  add_terms(lanes, count, [=](std::size_t i) {
    const double offset = static_cast<double>(x[i] - base[i]);
    return offset * offset;
  });
};

class MetaGpt final : public TileMethod<MetaGpt> {
 public:
  MetaGpt(const Settings&, const GroupInfo& group) : models_(group.models) {}
  static constexpr bool stored = true;
  static constexpr bool absorbing = true;
  static constexpr NonfiniteInput in_passes = NonfiniteInput::in_sums;

  std::optional<TallyShape> next_pass() const override {
    if (shares_) return std::nullopt;
    return TallyShape{.sums = models_};
  }

  template <class E>
  void observe_tile(const Tile<E>& in, TallyPart part) const {
    for_each_sub_tile(in.size(), [&](std::size_t first, std::size_t count) {
      for (std::size_t m = 0; m < models_; ++m) {
        dispatch(add_squared_offsets, in.model_values[m] + first, in.base_values + first, count,
                 part.sums[m].sum.data());
      }
    });
  }

  void conclude(const Totals& totals) override {
    double all = 0.0;
    for (const double square : totals.sums) all += square;
    shares_.emplace();
    if (all == 0.0) return;
    for (const double square : totals.sums) shares_->push_back(square / all);
  }

  template <class E>
  void merge_tile(const Tile<E>& in, std::span<E> out) const {
    if (shares_->empty()) return dispatch(copy, in.base_values, in.size(), out.data());
    merge_weighted(in, in.base_values, *shares_, task_vector_scale(in.tensor.settings), out);
  }

 private:
  std::size_t models_;
  std::optional<std::vector<double>> shares_;  // of each model; empty if no task vector has any length
};

}  // namespace

extern const MethodSpec metagpt{
    .name = "metagpt",
    .summary = "base plus task vectors, weighted by their squared lengths",
    .formula =
        "E_m = |x_m - b|^2 over the whole model (scope: tensor: over the tensor)\n"
        "out = b + lambda sum(E_m (x_m - b)) / sum(E_m)",
    .source = "MetaGPT, arXiv:2406.11385",
    .base = BaseUse::required,
    .absent = AbsentRule::task_vectors,
    .cut = CutRule::base,
    .parameters = {{.name = "scope",
                    .type = ValueType::choice,
                    .fallback = 0.0,
                    .same_in_group = true,
                    .choices = {"model", "tensor"},
                    .help = "what the lengths are taken over: the whole model as in the paper, or a tensor"},
                   lambda_parameter(),
                   lines_parameter()},
    .scope = [](const Settings& s) { return s.choice("scope") == "model" ? GroupScope::model : GroupScope::tensor; },
    .needs = [](const Settings&,
                const GroupInfo& group) { return Needs{.passes = 1, .tally = {.sums = group.models}}; },
    .make = make_method<MetaGpt>};

}  // namespace stockpot::methods
