// Geometric median: the point with the least sum of weighted distances to the models; one outlier cannot move it far.
//
// Source: Weiszfeld 1937, Sur le point pour lequel la somme des distances de n points donnes est minimum. The iteration
// runs on the models' shares in the point; their distances follow from the Gram matrix of the differences from the
// first model, which cancel less than the models' own products.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>

#include "methods/kernels/gram_method.hpp"

namespace stockpot::methods {

extern const MethodSpec geometric_median;

namespace {

void divide_by_sum(std::vector<double>& shares) {
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (double& share : shares) share /= sum;
}

class GeometricMedianRule {
 public:
  explicit GeometricMedianRule(const Settings& settings)
      : max_iter_(most_iterations(settings)), eps_(settings.number("eps")), tol_(settings.number("tol")) {
    const auto weights = settings.per_model("weight");
    weights_.assign(weights.begin(), weights.end());
  }

  /// The first model's difference from itself is left out.
  static std::size_t vectors(std::size_t models) { return models - 1; }
  template <class E>
  static GramVectors<E> vectors_of(const Tile<E>& in) {
    return {in.model_values.subspan(1), in.model_values[0]};
  }
  template <class E>
  static const E* origin(const Tile<E>&) {
    return nullptr;
  }

  ModelFactors factors(const Gram& gram) const {
    std::vector<double> shares = weights_;
    divide_by_sum(shares);
    auto distances = distances_from(gram, shares);
    double mean = mean_distance(distances);
    for (std::uint64_t i = 0; i < max_iter_; ++i) {
      for (std::size_t m = 0; m < shares.size(); ++m) shares[m] = weights_[m] / std::max(distances[m], eps_);
      divide_by_sum(shares);
      distances = distances_from(gram, shares);
      const double before = std::exchange(mean, mean_distance(distances));
      if (std::abs(before - mean) <= tol_ * mean) break;
    }
    return {std::move(shares)};
  }

 private:
  /// Distance of each model from sum(c_m x_m). @param gram  of all models but the first, minus the first.
  static std::vector<double> distances_from(const Gram& gram, std::span<const double> c) {
    const auto others = c.subspan(1);
    const auto products = gram.products(others);
    const double square = gram.squared_norm(others);
    std::vector<double> distances{std::sqrt(square)};
    for (std::size_t m = 0; m < others.size(); ++m) {
      // max() gives its first argument back if that is NaN.
      distances.push_back(std::sqrt(std::max(gram(m, m) - 2.0 * products[m] + square, 0.0)));
    }
    return distances;
  }

  double mean_distance(std::span<const double> distances) const {
    return std::inner_product(weights_.begin(), weights_.end(), distances.begin(), 0.0) /
           static_cast<double>(weights_.size());
  }

  std::uint64_t max_iter_;
  double eps_;
  double tol_;
  std::vector<double> weights_;
};

}  // namespace

extern const MethodSpec geometric_median{
    .name = "geometric_median",
    .summary = "the point nearest to all models by the sum of distances",
    .formula =
        "out = the weighted sum of the models with the least sum(w_m |out - x_m|), found by iteration:\n"
        "c_m = w_m / max(|sum(c_j x_j) - x_m|, eps), divided by their sum;  out = sum(c_m x_m), one c per tensor",
    .source = "Weiszfeld 1937",
    .parameters = {{.name = "weight",
                    .level = Level::model,
                    .fallback = 1.0,
                    .interval = {.low = 0.0, .low_open = true},
                    .help = "weight of this model's distance"},
                   {.name = "max_iter",
                    .type = ValueType::integer,
                    .fallback = 100.0,
                    .interval = {.low = 0.0},
                    .help = "most steps of the iteration; 0 gives the weighted mean"},
                   {.name = "eps",
                    .fallback = 1e-6,
                    .interval = {.low = 0.0, .low_open = true},
                    .help = "least distance that is divided by"},
                   {.name = "tol",
                    .fallback = 1e-12,
                    .interval = {.low = 0.0},
                    .help = "stop when the mean distance changes by less than this part of it"}},
    .needs = GramMethod<GeometricMedianRule>::needs,
    .make = make_method<GramMethod<GeometricMedianRule>>};

}  // namespace stockpot::methods
