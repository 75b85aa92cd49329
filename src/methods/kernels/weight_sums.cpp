#include "methods/kernels/weight_sums.hpp"

#include <cmath>

#include "core/error.hpp"

namespace stockpot::methods {

void check_divisor(float sum) {
  if (std::isnormal(sum)) return;
  throw Error(ErrorKind::recipe,
              std::isfinite(sum) ? "the weights add up to less than float32 divides by, as normalize does"
                                 : "the weights add up to more than float32 holds, and normalize divides by their sum")
      .code("CFG053")
      .with("parameter", "weight")
      .hint("only their ratios matter: multiply or divide all of them by the same number");
}

void check_divisors(const Settings& settings) {
  float positive = 0.0f, negative = 0.0f;
  for (const double weight : settings.per_model("weight")) {
    const auto value = static_cast<float>(weight);
    if (value != 0.0f) check_divisor(value);
    (value > 0.0f ? positive : negative) += value;
  }
  if (positive != 0.0f) check_divisor(positive);
  if (negative != 0.0f) check_divisor(negative);
}

}  // namespace stockpot::methods
