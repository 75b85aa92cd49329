#include "recipe/setting.hpp"

#include <algorithm>
#include <cmath>

namespace stockpot::recipe {
namespace {

/// Binary64, in this order of operations: part of the numeric contract.
Scalar gradient_at(const std::vector<Scalar>& v, double t, Between between) {
  const double s = t * static_cast<double>(v.size() - 1);
  const auto i0 = static_cast<std::size_t>(s);  // truncates
  const bool numbers =
      std::all_of(v.begin(), v.end(), [](const Scalar& x) { return std::holds_alternative<double>(x); });
  if (between == Between::step || !numbers) return v[i0];
  const std::size_t i1 = std::min(v.size() - 1, i0 + 1);
  const double f = s - static_cast<double>(i0);
  return (1.0 - f) * std::get<double>(v[i0]) + f * std::get<double>(v[i1]);
}

}  // namespace

std::optional<Scalar> Setting::evaluate(std::string_view tensor_name, double t, Between between) const {
  for (const Case& c : cases) {
    if (!c.filter.empty() && !filter_matches(c.filter, tensor_name)) continue;
    return c.values.size() == 1 ? c.values.front() : gradient_at(c.values, t, between);
  }
  return std::nullopt;
}

}  // namespace stockpot::recipe
