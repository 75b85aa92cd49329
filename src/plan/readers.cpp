#include "plan/readers.hpp"

#include <algorithm>

#include "plan/waves.hpp"

namespace stockpot::plan {

void Readers::add(const MergePlan& plan, const Schedule& schedule) {
  Parts parts;
  for (std::size_t u = 0; u < schedule.units.size(); ++u) {
    const Unit& unit = schedule.units[u];
    if (unit.rank != no_rank) parts.emplace_back(unit.range.first, unit.rank);
    if (u + 1 < schedule.units.size() && schedule.units[u + 1].tensor == unit.tensor) continue;
    if (!parts.empty()) add(plan, unit.tensor, parts);
    parts.clear();
  }
}

void Readers::add(const MergePlan& plan, std::uint32_t tensor, const Parts& parts) {
  const auto add_source = [&](SourceTensor source) {
    parts_[plan.models[source.model].directory].try_emplace(plan.info(source).name, parts);
  };
  for (const SourceTensor source : plan.tensors[tensor].sources) add_source(source);
  if (plan.tensors[tensor].base) add_source(*plan.tensors[tensor].base);
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

std::uint64_t Readers::common_bytes(const MergePlan& plan, const Schedule& schedule) const {
  std::uint64_t bytes = 0;
  for (const Unit& unit : schedule.units) {
    if (unit.rank != no_rank && rank_of(plan, unit) == unit.rank) bytes += read_bytes(plan, unit);
  }
  return bytes;
}

const Readers::Parts* Readers::parts_of(const MergePlan& plan, std::uint32_t tensor) const {
  const auto find = [&](SourceTensor source) -> const Parts* {
    const auto model = parts_.find(plan.models[source.model].directory);
    if (model == parts_.end()) return nullptr;
    const auto found = model->second.find(plan.info(source).name);
    return found == model->second.end() ? nullptr : &found->second;
  };
  for (const SourceTensor source : plan.tensors[tensor].sources) {
    if (const Parts* parts = find(source)) return parts;
  }
  return plan.tensors[tensor].base ? find(*plan.tensors[tensor].base) : nullptr;
}

}  // namespace stockpot::plan
