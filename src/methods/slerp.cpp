// Slerp: from the base to the other model along the arc between them, as if both were points on a sphere.
//
// Source: Shoemake 1985, Animating rotation with quaternion curves, SIGGRAPH. The vectors are whole flattened tensors.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/trigonometry.hpp"
#include "methods/kernels/element_loops.hpp"
#include "methods/kernels/gram.hpp"
#include "methods/kernels/sub_tile.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec slerp;

namespace {

/// Below this norm a vector has no direction worth speaking of and is not normalised.
constexpr double tiny_norm = 1e-8;

struct Coefficients {
  double base = 1.0;
  double other = 0.0;
};

Coefficients coefficients(double t, double cosine_between, double dot_threshold) {
  // On (nearly) parallel and antiparallel vectors the arc is a line, or nowhere: interpolate linearly.
  const double closeness = std::abs(cosine_between);
  if (closeness > dot_threshold || closeness >= 1.0) return {1.0 - t, t};
  const double angle = arc_cosine(cosine_between);
  const double whole = sine(angle);
  return {sine(angle - angle * t) / whole, sine(angle * t) / whole};
}

/// One pass: the base's squared norm, the dot product, the other's squared norm.
class Slerp final : public TileMethod<Slerp> {
 public:
  Slerp(const Settings& settings, const GroupInfo&)
      : t_(settings.number("t")), dot_threshold_(settings.number("dot_threshold")) {}
  static constexpr bool stored = true;
  static constexpr bool absorbing = true;
  static constexpr NonfiniteInput in_passes = NonfiniteInput::in_sums;

  std::optional<TallyShape> next_pass() const override {
    if (coefficients_) return std::nullopt;
    return TallyShape{.sums = 3};
  }

  template <class E>
  void observe_tile(const Tile<E>& in, TallyPart part) const {
    const E *base = in.base_values, *other = in.model_values[0];
    const E* const vectors[] = {base, other};
    GramSums<E>(vectors).add(0, in.size(), part.sums);
  }

  void conclude(const Totals& totals) override {
    const auto divisor = [](double squared_norm) {
      const double norm = std::sqrt(squared_norm);
      return norm > tiny_norm || std::isnan(norm) ? norm : 1.0;
    };
    const double cosine_between = totals.sums[1] / (divisor(totals.sums[0]) * divisor(totals.sums[2]));
    coefficients_ = coefficients(t_, cosine_between, dot_threshold_);
  }

  template <class E>
  void merge_tile(const Tile<E>& in, std::span<E> out) const {
    using T = ValueOf<E>;
    dispatch(blend, static_cast<T>(coefficients_->base), in.base_values, static_cast<T>(coefficients_->other),
             in.model_values[0], in.size(), out.data());
  }

 private:
  double t_;
  double dot_threshold_;
  std::optional<Coefficients> coefficients_;
};

std::vector<std::string> check(const Settings& settings) {
  const Interval unit{0.0, 1.0};
  if (settings.flag("extrapolate") || unit.contains(settings.number("t"))) return {};
  throw Error(ErrorKind::recipe, fmt::format("slerp: parameter 't' = {}: must be in [0, 1]", settings.number("t")))
      .code("CFG052")
      .with("parameter", "t")
      .hint("extrapolate: true allows values beyond the two models");
}

}  // namespace

extern const MethodSpec slerp{
    .name = "slerp",
    .summary = "spherical interpolation between the base and one other model",
    .formula =
        "theta = angle between b and x;  out = (sin((1-t) theta) b + sin(t theta) x) / sin(theta)\n"
        "|cos(theta)| > dot_threshold: out = (1-t) b + t x",
    .source = "Shoemake, Animating rotation with quaternion curves, SIGGRAPH 1985",
    .base = BaseUse::required,
    .max_models = 1,
    .absent = AbsentRule::single_copied,
    .parameters =
        {{.name = "t", .required = true, .help = "0 gives the base, 1 the other model"},
         {.name = "dot_threshold",
          .fallback = 0.9995,
          .interval = {0.0, 1.0, true, false},
          .help = "cosine above which vectors count as parallel"},
         {.name = "extrapolate", .type = ValueType::boolean, .fallback = 0.0, .help = "allow t outside [0, 1]"}},
    .check = check,
    .needs = [](const Settings&, const GroupInfo&) { return Needs{.passes = 1, .tally = {.sums = 3}}; },
    .make = make_method<Slerp>};

}  // namespace stockpot::methods
