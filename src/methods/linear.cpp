// Linear: the weighted mean (or sum) of the models.
//
// Source: Wortsman et al. 2022, Model soups, arXiv:2203.05482. The greedy soup needs data and is not this.
#include "core/error.hpp"
#include "methods/kernels/weight_sums.hpp"
#include "methods/kernels/weighted_sum.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec linear, uniform_soup;

namespace {

/// Summed in T, as the weights multiply.
template <class T>
T sum_of_weights(const Settings& settings) {
  T sum{0};
  for (const double weight : settings.per_model("weight")) sum += static_cast<T>(weight);
  return sum;
}

class Linear final : public TileMethod<Linear> {
 public:
  Linear(const Settings&, const GroupInfo&) {}
  static constexpr bool stored = true;
  static constexpr bool absorbing = true;

  template <class E>
  void merge_tile(const Tile<E>& in, std::span<E> out) const {
    using T = ValueOf<E>;
    const Settings& settings = in.tensor.settings;
    const T divisor = settings.flag("normalize") ? sum_of_weights<T>(settings) : T{1};
    const E* const no_origin = nullptr;
    merge_weighted(in, no_origin, settings.per_model("weight"), SumEnding<T>{.divisor = divisor}, out);
  }
};

std::vector<std::string> check(const Settings& settings) {
  if (!settings.flag("normalize") || settings.models() == 0) return {};
  const float sum = sum_of_weights<float>(settings);
  if (sum == 0.0f || sum_of_weights<double>(settings) == 0.0) {
    throw Error(ErrorKind::recipe, "the weights add up to 0, and normalize divides by their sum")
        .code("CFG053")
        .with("parameter", "weight")
        .hint("change a weight, or set normalize: false");
  }
  check_divisor(sum);
  return {};
}

const ParameterSpec normalize{
    .name = "normalize", .type = ValueType::boolean, .fallback = 1.0, .help = "divide by the sum of the weights"};

}  // namespace

extern const MethodSpec linear{
    .name = "linear",
    .summary = "weighted mean of the models",
    .formula = "out = sum(w_m x_m) / sum(w_m);  normalize: false leaves out the division",
    .source = "Model soups, arXiv:2203.05482",
    .skips_weight_0 = true,
    .parameters = {{.name = "weight", .level = Level::model, .required = true, .help = "share of this model"},
                   normalize},
    .check = check,
    .make = make_method<Linear>};

extern const MethodSpec uniform_soup{
    .name = "uniform_soup",
    .summary = "mean of the models: linear with every weight 1",
    .formula = "out = sum(x_m) / N",
    .source = "Model soups, arXiv:2203.05482",
    .skips_weight_0 = true,
    .parameters = {{.name = "weight", .level = Level::model, .fallback = 1.0, .help = "share of this model"},
                   normalize},
    .check = check,
    .make = make_method<Linear>};

}  // namespace stockpot::methods
