#include "engine/strips.hpp"

#include <algorithm>

namespace stockpot::engine {

Strips::Strips(const plan::MergePlan& plan, const plan::Schedule& schedule, std::span<const std::uint32_t> units)
    : plan_(plan), schedule_(schedule), units_(units), first_strip_{0} {
  first_strip_.reserve(units.size() + 1);
  for (const std::uint32_t u : units) {
    const plan::Unit& unit = schedule.units[u];
    const std::uint64_t step = elements_of_strip(unit.tensor);
    first_strip_.push_back(first_strip_.back() + (unit.range.count + step - 1) / step);
  }
}

std::uint64_t Strips::elements_of_strip(std::uint32_t tensor) const {
  return plan::strip_elements(plan_, tensor, schedule_.options.chunk_bytes);
}

Strip Strips::operator[](std::size_t i) const {
  const auto after = std::upper_bound(first_strip_.begin(), first_strip_.end(), i);
  const auto place = static_cast<std::size_t>(after - first_strip_.begin()) - 1;
  const plan::Unit& unit = schedule_.units[units_[place]];
  const std::uint64_t step = elements_of_strip(unit.tensor);
  const std::uint64_t skipped = (i - first_strip_[place]) * step;
  return {place,         unit.tensor,
          units_[place], first_strip_[place + 1] - first_strip_[place],
          unit.range,    {unit.range.first + skipped, std::min(step, unit.range.count - skipped)}};
}

}  // namespace stockpot::engine
