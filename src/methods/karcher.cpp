// Karcher mean: the point of the sphere with the least sum of squared arcs to the directions of the models, brought to
// the mean of their lengths.
//
// Source: Functionality-oriented LLM merging on the Fisher-Rao manifold, arXiv:2603.04972. The mean and everything on
// the way to it is a weighted sum of the models' directions, so that the iteration needs their Gram matrix only.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>

#include "core/trigonometry.hpp"
#include "methods/kernels/gram_method.hpp"

namespace stockpot::methods {

extern const MethodSpec karcher;

namespace {

/// A direction so nearly opposite to the mean says nothing about which way to go.
constexpr double opposite = -1.0 + 1e-6;

struct Stopping {
  std::uint64_t max_iter;
  double tol;
};

/// The directions that have one: which models, their cosines as a Gram matrix, their shares.
struct Directions {
  std::vector<std::size_t> models;
  std::vector<double> triangle;
  std::vector<double> shares;  ///< add up to 1
  Gram cosines() const { return {triangle, models.size()}; }
};

/// The tangent at y = sum(c_m u_m) that points to the mean of the directions, by its coefficients of the u_m.
std::vector<double> tangent(const Directions& to, std::span<const double> c, double tol) {
  const auto cosine_with = to.cosines().products(c);
  std::vector<double> coefficients(c.size(), 0.0);
  double along = 0.0;
  for (std::size_t m = 0; m < c.size(); ++m) {
    const double d = std::clamp(cosine_with[m], -1.0, 1.0);
    const double angle = arc_cosine(d);
    if (angle < tol || d < opposite) continue;
    coefficients[m] = to.shares[m] * (angle / sine(angle));
    along += coefficients[m] * d;
  }
  for (std::size_t m = 0; m < c.size(); ++m) coefficients[m] -= along * c[m];
  return coefficients;
}

/// The mean direction as a weighted sum of the directions. @pre there is one
std::vector<double> mean_direction(const Directions& of, Stopping until) {
  const auto length = [&](std::span<const double> c) { return std::sqrt(of.cosines().squared_norm(c)); };
  const auto divide_by = [](std::vector<double>& c, double divisor) {
    for (double& value : c) value /= divisor;
  };
  std::vector<double> c = of.shares;
  if (const double start = length(c); start < until.tol) {
    std::ranges::fill(c, 0.0);
    c.front() = 1.0;
  } else {
    divide_by(c, start);
  }
  for (std::uint64_t i = 0; i < until.max_iter; ++i) {
    const auto step = tangent(of, c, until.tol);
    const double arc = length(step);
    if (arc < until.tol) break;
    const double stay = cosine(arc), go = sine(arc) / arc;
    for (std::size_t m = 0; m < c.size(); ++m) c[m] = stay * c[m] + go * step[m];
    if (const double now = length(c); now > until.tol) divide_by(c, now);
  }
  return c;
}

class KarcherRule {
 public:
  explicit KarcherRule(const Settings& settings)
      : until_{.max_iter = most_iterations(settings), .tol = settings.number("tol")} {
    const auto weights = settings.per_model("weight");
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (const double weight : weights) shares_.push_back(weight / sum);
  }

  static std::size_t vectors(std::size_t models) { return models; }
  template <class E>
  static GramVectors<E> vectors_of(const Tile<E>& in) {
    return {in.model_values};
  }
  template <class E>
  static const E* origin(const Tile<E>&) {
    return nullptr;
  }

  ModelFactors factors(const Gram& gram) const {
    std::vector<double> factors(gram.vectors(), 0.0);
    const Directions directions = directions_of(gram);
    if (directions.models.empty()) return {factors};
    double mean_length = 0.0;
    for (std::size_t m = 0; m < factors.size(); ++m) mean_length += shares_[m] * std::sqrt(gram(m, m));
    const auto mean = mean_direction(directions, until_);
    for (std::size_t place = 0; place < mean.size(); ++place) {
      const std::size_t m = directions.models[place];
      factors[m] = mean_length * mean[place] / std::sqrt(gram(m, m));
    }
    return {std::move(factors)};
  }

 private:
  Directions directions_of(const Gram& gram) const {
    Directions found;
    double sum = 0.0;
    for (std::size_t m = 0; m < gram.vectors(); ++m) {
      if (std::sqrt(gram(m, m)) <= until_.tol) continue;  // NaN stays, and reaches the result
      found.models.push_back(m);
      found.shares.push_back(shares_[m]);
      sum += shares_[m];
    }
    for (double& share : found.shares) share /= sum;
    for (auto j = found.models.begin(); j != found.models.end(); ++j) {
      for (auto k = j; k != found.models.end(); ++k) {
        found.triangle.push_back(gram(*j, *k) / (std::sqrt(gram(*j, *j)) * std::sqrt(gram(*k, *k))));
      }
    }
    return found;
  }

  Stopping until_;
  std::vector<double> shares_;
};

}  // namespace

extern const MethodSpec karcher{
    .name = "karcher",
    .summary = "mean of the models' directions on the sphere, with the mean of their lengths",
    .formula =
        "y = the unit vector with the least sum(w_m angle(y, x_m)^2), found by iteration\n"
        "out = y sum(w_m |x_m|) / sum(w_m), one y per tensor",
    .source = "Functionality-oriented LLM merging on the Fisher-Rao manifold, arXiv:2603.04972",
    .parameters = {{.name = "max_iter",
                    .type = ValueType::integer,
                    .fallback = 10.0,
                    .interval = {.low = 0.0},
                    .help = "most steps of the iteration"},
                   {.name = "tol",
                    .fallback = 1e-5,
                    .interval = {.low = 0.0, .low_open = true},
                    .help = "steps and angles below this count as none; so do models of a smaller norm"},
                   {.name = "weight",
                    .level = Level::model,
                    .fallback = 1.0,
                    .interval = {.low = 0.0, .low_open = true},
                    .help = "share of this model"}},
    .needs = GramMethod<KarcherRule>::needs,
    .copies = [](const Settings& settings) { return settings.models() == 1; },
    .make = make_method<GramMethod<KarcherRule>>};

}  // namespace stockpot::methods
