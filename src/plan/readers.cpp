#include "plan/readers.hpp"

#include <algorithm>

namespace stockpot::plan {
namespace {

const std::string& name_of_source(const MergePlan& plan, std::uint32_t tensor) {
  return plan.info(plan.tensors[tensor].sources.front()).name;
}

}  // namespace

void Readers::add(const MergePlan& plan, const Schedule& schedule) {
  std::map<std::string, Parts, std::less<>> found;
  for (const Unit& unit : schedule.units) {
    if (unit.rank == no_rank) continue;
    const std::string& name = name_of_source(plan, unit.tensor);
    if (!parts_.contains(name)) found[name].emplace_back(unit.range.first, unit.rank);
  }
  for (auto& [name, parts] : found) std::ranges::sort(parts);
  parts_.merge(found);
}

std::optional<std::uint32_t> Readers::rank_of(const MergePlan& plan, const Unit& unit) const {
  const Parts* parts = parts_of(plan, unit.tensor);
  if (parts == nullptr) return std::nullopt;
  const auto after = std::ranges::upper_bound(*parts, unit.range.first, {}, &Parts::value_type::first);
  return after == parts->begin() ? parts->front().second : std::prev(after)->second;
}

std::optional<bool> Readers::is_split(const MergePlan& plan, std::uint32_t tensor) const {
  const Parts* parts = parts_of(plan, tensor);
  if (parts == nullptr) return std::nullopt;
  return std::ranges::any_of(*parts, [&](const auto& part) { return part.second != parts->front().second; });
}

const Readers::Parts* Readers::parts_of(const MergePlan& plan, std::uint32_t tensor) const {
  const auto found = parts_.find(name_of_source(plan, tensor));
  return found == parts_.end() ? nullptr : &found->second;
}

}  // namespace stockpot::plan
