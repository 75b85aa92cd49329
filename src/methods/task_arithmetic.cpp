// Task arithmetic: the base plus a weighted sum of task vectors.
//
// Source: Ilharco et al. 2022, Editing models with task arithmetic, arXiv:2212.04089. The paper's single scale is
// lambda.
#include <algorithm>

#include "methods/kernels/task_vector_merge.hpp"
#include "methods/kernels/weighted_sum.hpp"

namespace stockpot::methods {

extern const MethodSpec task_arithmetic;

namespace {

class TaskArithmetic final : public TileMethod<TaskArithmetic> {
 public:
  TaskArithmetic(const Settings&, const GroupInfo&) {}
  static constexpr bool stored = true;
  static constexpr bool absorbing = true;

  template <class E>
  void merge_tile(const Tile<E>& in, std::span<E> out) const {
    using T = ValueOf<E>;
    const Settings& settings = in.tensor.settings;
    const auto weights = settings.per_model("weight");
    SumEnding<T> ending{.scale = static_cast<T>(task_vector_scale(settings))};
    if (settings.flag("normalize")) ending.divisor = mass_of<T>(weights);
    merge_weighted(in, in.base_values, weights, ending, out);
  }
};

std::vector<std::string> check(const Settings& settings) {
  auto warnings = check_family(settings);
  const auto densities = settings.per_model("density");
  if (std::ranges::any_of(densities, [](double density) { return density != 1.0; })) {
    warnings.emplace_back("density has no effect: task_arithmetic does not trim (ties, dare_linear do)");
  }
  return warnings;
}

}  // namespace

extern const MethodSpec task_arithmetic{
    .name = "task_arithmetic",
    .summary = "base plus weighted task vectors",
    .formula = "out = b + lambda sum(w_m (x_m - b));  normalize: divided by sum(w_m)",
    .source = "Editing models with task arithmetic, arXiv:2212.04089",
    .base = BaseUse::required,
    .min_models = 0,
    .absent = AbsentRule::task_vectors,
    .cut = CutRule::base,
    .skips_weight_0 = true,
    .parameters = family_parameters({}),
    .check = check,
    .make = make_method<TaskArithmetic>};

}  // namespace stockpot::methods
