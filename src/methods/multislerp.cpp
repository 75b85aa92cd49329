// Multislerp: the weighted mean of directions, brought to the weighted mean of lengths.
//
// Source: Goddard, note on Multi-SLERP (no paper). The note moves along the tangent at the mean direction; that step is
// zero but for rounding, because the mean direction is parallel to what it averages: the closed form is all of it.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/error.hpp"
#include "methods/kernels/gram_method.hpp"

namespace stockpot::methods {

extern const MethodSpec multislerp;

namespace {

/// Shorter than this the mean of directions has no direction itself, whatever `eps` says.
constexpr double least_mean = 1e-7;

double sum_of_weights(const Settings& settings) {
  const auto weights = settings.per_model("weight");
  return std::accumulate(weights.begin(), weights.end(), 0.0);
}

class MultislerpRule {
 public:
  explicit MultislerpRule(const Settings& settings) : eps_(settings.number("eps")) {
    const double divisor = settings.flag("normalize_weights") ? sum_of_weights(settings) : 1.0;
    for (const double weight : settings.per_model("weight")) weights_.push_back(weight / divisor);
  }

  static std::size_t vectors(std::size_t models) { return models; }
  template <class E>
  static GramVectors<E> vectors_of(const Tile<E>& in) {
    return {in.model_values, in.base_values};
  }
  template <class E>
  static const E* origin(const Tile<E>& in) {
    return in.base_values;
  }

  ModelFactors factors(const Gram& gram) const {
    const std::size_t models = gram.vectors();
    std::vector<double> alpha(models);
    double mean_length = 0.0;
    bool all_zero = true;
    for (std::size_t m = 0; m < models; ++m) {
      const double length = std::sqrt(gram(m, m));
      alpha[m] = weights_[m] / (length + eps_);
      mean_length += weights_[m] * length;
      all_zero = all_zero && length == 0.0;
    }
    const double mean_direction = std::sqrt(gram.squared_norm(alpha));
    if (mean_direction < std::max(eps_, least_mean)) {
      return {weights_,
              all_zero ? "" : "the weighted directions cancel: the models were averaged along straight lines"};
    }
    for (double& factor : alpha) factor = factor * mean_length / mean_direction;
    return {std::move(alpha)};
  }

 private:
  double eps_;
  std::vector<double> weights_;
};

/// One model is copied, whatever its weight.
std::vector<std::string> check(const Settings& settings) {
  if (settings.models() < 2 || !settings.flag("normalize_weights") || sum_of_weights(settings) != 0.0) return {};
  throw Error(ErrorKind::recipe, "the weights add up to 0, and normalize_weights divides by their sum")
      .code("CFG053")
      .with("parameter", "weight")
      .hint("change a weight, or set normalize_weights: false");
}

}  // namespace

extern const MethodSpec multislerp{
    .name = "multislerp",
    .summary = "weighted mean of the directions of any number of models, or of their task vectors",
    .formula =
        "u_m = x_m, or x_m - b with a base;  w_m = weights divided by their sum\n"
        "d = sum(w_m u_m / |u_m|);  out = d / |d| sum(w_m |u_m|) (+ b);  |d| about 0: out = sum(w_m u_m) (+ b)",
    .source = "C. Goddard, note on Multi-SLERP",
    .base = BaseUse::optional,
    .parameters = {{.name = "weight", .level = Level::model, .required = true, .help = "share of this model"},
                   {.name = "normalize_weights",
                    .type = ValueType::boolean,
                    .fallback = 1.0,
                    .help = "divide the weights by their sum"},
                   {.name = "eps",
                    .fallback = 1e-8,
                    .interval = {.low = 0.0, .low_open = true},
                    .help = "added to each length; least length of the mean direction, but not below 1e-7"}},
    .check = check,
    .needs = GramMethod<MultislerpRule>::needs,
    .copies = [](const Settings& settings) { return settings.models() == 1; },
    .make = make_method<GramMethod<MultislerpRule>>};

}  // namespace stockpot::methods
