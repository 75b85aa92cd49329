#include "methods/kernels/trims.hpp"

#include <algorithm>

namespace stockpot::methods {
namespace {

/// How many elements a density keeps of `elements`.
SelectTarget target_of(double density, std::uint64_t elements, bool at_least) {
  const auto count = static_cast<std::uint64_t>(density * static_cast<double>(elements));
  if (density == 0.0) return {};
  if (density == 1.0 || count >= elements) return {.rank = elements};
  // The authors' threshold is the (n - k)-th smallest magnitude, that is the (k + 1)-th largest, and is kept itself.
  if (at_least) return {.rank = count + 1, .all_equal = true};
  return {.rank = std::max<std::uint64_t>(1, count)};
}

std::vector<SelectTarget> targets_of(const Settings& settings, const GroupInfo& group) {
  const bool at_least = settings.choice("trim_rule") == "at_least";
  std::vector<SelectTarget> targets;
  for (const double density : settings.per_model("density")) {
    targets.push_back(target_of(density, group.elements, at_least));
  }
  return targets;
}

}  // namespace

MagnitudeTrim::MagnitudeTrim(const Settings& settings, const GroupInfo& group)
    : select_(targets_of(settings, group), group.elements, group.float64) {}

}  // namespace stockpot::methods
