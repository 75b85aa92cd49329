#include "engine/unit_assembly.hpp"

#include <algorithm>

namespace stockpot::engine {

bool UnitAssembly::may_begin(const Strip& strip) {
  const Stop level = stop_.level();
  const std::lock_guard lock(mutex_);
  const bool is_open = open_.contains(strip.unit_index);
  if (level == Stop::now || (level == Stop::after_units && !is_open)) {
    stop_.skipped();
    return false;
  }
  if (!is_open) open_.emplace(strip.unit_index, Open{strip.strips_of_unit, {}, Clock::now()});
  return true;
}

void UnitAssembly::written(const Strip& strip, const io::DigestTree& run) {
  io::DigestTree whole;
  {
    const std::lock_guard lock(mutex_);
    const auto open = open_.find(strip.unit_index);
    for (const auto& node : run.nodes()) open->second.digests.insert(node.level, node.index, node.value);
    if (--open->second.strips_left > 0) return;
    whole = std::move(open->second.digests);
    slowest_ = std::max(slowest_, Clock::now() - open->second.begun);
    open_.erase(open);
    ++units_done_;
  }
  digests_.add(strip.tensor, whole);
  journal_.unit_done(strip.unit_index, bytes_of(plan_.tensors[strip.tensor].output.dtype, strip.unit.count),
                     io::digests_left_to_right(whole));
}

std::uint64_t UnitAssembly::units_done() const {
  const std::lock_guard lock(mutex_);
  return units_done_;
}

std::chrono::duration<double> UnitAssembly::slowest_unit() const {
  const std::lock_guard lock(mutex_);
  return slowest_;
}

}  // namespace stockpot::engine
