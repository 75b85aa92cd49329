#include "plan/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/size.hpp"
#include "partition/unit.hpp"
#include "plan/deal.hpp"
#include "plan/waves.hpp"

namespace stockpot::plan {
namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
constexpr double tolerated_imbalance = 1.05;
constexpr std::uint64_t worth_a_warning_bytes = 64 * mebibyte;  // less takes no time worth balancing

std::uint64_t choose_unit_bytes(const MergePlan& plan, const ScheduleOptions& options) {
  if (options.unit_bytes > 0) return options.unit_bytes;
  const std::uint64_t fair = plan.output_bytes() / (std::uint64_t{32} * options.ranks);
  return std::clamp(fair, 4 * mebibyte, 256 * mebibyte);
}

std::uint64_t elements_per_unit(const MergePlan& plan, std::uint32_t tensor, std::uint64_t unit_bytes) {
  const PlannedTensor& planned = plan.tensors[tensor];
  const std::uint64_t target = unit_bytes / bits(planned.output.dtype) * 8;
  if (planned.action == Action::copy) return partition::unit_elements(target, 0);
  switch (plan.groups[planned.group].granularity) {
    case methods::Granularity::block:
      return partition::unit_elements(target, 0);
    case methods::Granularity::row:
      return partition::unit_elements(target, planned.output.row_elements());
  }
  return target;
}

/// Marks what is done, and leaves to nobody what need not even be read again.
void take_up(const MergePlan& plan, std::span<const std::uint8_t> done, std::vector<Unit>& units) {
  if (done.empty()) return;
  if (done.size() != units.size()) throw Error(ErrorKind::internal, "what is done is of another plan");
  std::vector<std::uint8_t> group_has_work(plan.groups.size(), 0);
  for (std::size_t u = 0; u < units.size(); ++u) {
    units[u].done = done[u] != 0;
    const auto group = statistics_group(plan, units[u]);
    if (group && !units[u].done) group_has_work[*group] = 1;
  }
  for (Unit& unit : units) {
    const auto group = statistics_group(plan, unit);
    if (unit.done && (!group || group_has_work[*group] == 0)) unit.rank = no_rank;
  }
}

struct WaveReads {
  std::uint64_t once = 0, again = 0;
};

WaveReads reads_in(const MergePlan& plan, const Schedule& schedule, const Wave& wave) {
  WaveReads reads;
  for (std::size_t place = 0; place < wave.units.size(); ++place) {
    const Unit& unit = schedule.units[wave.units[place]];
    const auto passes = static_cast<std::uint64_t>(plan.groups[plan.tensors[unit.tensor].group].needs.passes);
    const std::uint64_t bytes = read_bytes(plan, unit);
    place < wave.keep_units ? reads.once += bytes : reads.again += bytes * (passes + 1);
  }
  return reads;
}

std::vector<std::vector<std::uint32_t>> units_by_rank(const Schedule& schedule) {
  std::vector<std::vector<std::uint32_t>> units(schedule.options.ranks);
  for (std::uint32_t u = 0; u < schedule.units.size(); ++u) {
    if (schedule.units[u].rank != no_rank) units[schedule.units[u].rank].push_back(u);
  }
  return units;
}

MemoryPlan memory_of(const MergePlan& plan, const Schedule& schedule, const RankWork& work, const WaveBudget& budget) {
  MemoryPlan memory;
  memory.worker_bytes = budget.worker_bytes;
  memory.workspace_bytes = budget.workspace_bytes;
  memory.small_tensor_bytes = budget.small_tensor_bytes;
  for (const auto* waves : {&work.shared, &work.local}) {
    for (const Wave& wave : *waves) {
      std::uint64_t tally = 0;
      for (const std::uint32_t g : wave.groups) tally += budget.group_tally_bytes[g];
      memory.tally_bytes = std::max(memory.tally_bytes, tally);
      memory.kept_bytes = std::max(memory.kept_bytes, memory_of_wave(plan, schedule, wave).kept_bytes);
    }
  }
  return memory;
}

void add_largest_wave(const MergePlan& plan, const RankWork& work, Schedule& schedule) {
  WaveMemory& largest = schedule.largest_wave;
  for (const auto* waves : {&work.shared, &work.local}) {
    for (const Wave& wave : *waves) {
      const WaveMemory memory = memory_of_wave(plan, schedule, wave);
      largest.kept_bytes = std::max(largest.kept_bytes, memory.kept_bytes);
      largest.counters = std::max(largest.counters, memory.counters);
      largest.tally_bytes = std::max(largest.tally_bytes, memory.tally_bytes);
    }
  }
}

/// What each rank moves and holds, given what its memory keeps.
void add_up_loads(const MergePlan& plan, const WavePlanner& planner, const WaveBudget& budget, Schedule& schedule) {
  const auto units = units_by_rank(schedule);
  std::vector<std::uint64_t> rank_work;
  for (std::uint32_t rank = 0; rank < schedule.options.ranks; ++rank) {
    const RankWork work = planner.work(rank, units[rank]);
    std::uint64_t read = 0, written = 0;
    for (const auto* waves : {&work.local, &work.shared}) {
      for (const Wave& wave : *waves) {
        const auto [once, again] = reads_in(plan, schedule, wave);
        read += once + again;
        schedule.reads_again += again;
      }
    }
    for (const std::uint32_t u : work.direct) read += read_bytes(plan, schedule.units[u]);
    for (const std::uint32_t u : units[rank]) {
      if (!schedule.units[u].done) written += write_bytes(plan, schedule.units[u]);
    }
    schedule.rank_read_bytes.push_back(read);
    schedule.rank_bytes.push_back(read + written);
    rank_work.push_back(read + written + price_bytes(plan, work));
    schedule.reads_total += read;
    add_largest_wave(plan, work, schedule);
    const MemoryPlan memory = memory_of(plan, schedule, work, budget);
    if (memory.total() > schedule.memory.total()) schedule.memory = memory;
  }
  schedule.balance = partition::balance_of(schedule.rank_bytes);
  schedule.work = partition::balance_of(rank_work);
}

void count_collectives(const MergePlan& plan, const WavePlanner& planner, Schedule& schedule) {
  schedule.shared_waves = planner.shared_waves().size();
  for (const auto& groups : planner.shared_waves()) {
    std::uint64_t passes = 0;
    bool counts = false, sums = false;
    for (const std::uint32_t g : groups) {
      passes = std::max(passes, static_cast<std::uint64_t>(plan.groups[g].needs.passes));
      counts = counts || plan.groups[g].needs.tally.counts > 0;
      sums = sums || plan.groups[g].needs.tally.sums > 0 || plan.groups[g].needs.tally.maxima > 0;
    }
    // Each pass: agreement after observing and after concluding, and the tallies. Then agreement after merging.
    schedule.collectives += passes * (2 + std::uint64_t{counts} + std::uint64_t{sums}) + 1;
  }
}

void warn_of_imbalance(Schedule& schedule) {
  const auto& balance = schedule.balance;
  if (balance.imbalance <= tolerated_imbalance || balance.most < worth_a_warning_bytes) return;
  if (schedule.work.imbalance <= tolerated_imbalance) return;  // who moves less has more small tensors
  const double enough = balance.mean * schedule.options.ranks / static_cast<double>(balance.most);
  schedule.warnings.push_back(
      fmt::format("the busiest of {} ranks moves {:.2f} times the mean ({}, mean {}): {} rank{} would be about as fast",
                  schedule.options.ranks, balance.imbalance, human_bytes(balance.most),
                  human_bytes(static_cast<std::uint64_t>(balance.mean)), static_cast<std::uint64_t>(enough + 0.999),
                  enough <= 1 ? "" : "s"));
}

}  // namespace

std::vector<Unit> cut_units(const MergePlan& plan, std::uint64_t unit_bytes) {
  std::vector<Unit> units;
  for (std::uint32_t t = 0; t < plan.tensors.size(); ++t) {
    const std::uint64_t elements = plan.tensors[t].output.elements();
    for (const ElementRange range : partition::cut(elements, elements_per_unit(plan, t, unit_bytes))) {
      units.push_back({t, range});
    }
  }
  return units;
}

std::optional<std::uint32_t> statistics_group(const MergePlan& plan, const Unit& unit) {
  const PlannedTensor& tensor = plan.tensors[unit.tensor];
  if (tensor.action == Action::copy || plan.groups[tensor.group].needs.passes == 0) return std::nullopt;
  return tensor.group;
}

Schedule make_schedule(const MergePlan& plan, const ScheduleOptions& options, std::span<const std::uint8_t> done,
                       const Readers* readers) {
  Schedule schedule;
  schedule.options = options;
  schedule.unit_bytes = choose_unit_bytes(plan, options);
  schedule.bundle_bytes = bundle_bytes(plan, options.chunk_bytes);
  schedule.units = cut_units(plan, schedule.unit_bytes);
  take_up(plan, done, schedule.units);
  const WaveBudget budget = wave_budget(plan, schedule.units, options);
  deal(plan, budget, schedule, readers);
  const WavePlanner planner(plan, schedule, budget);
  add_up_loads(plan, planner, budget, schedule);
  count_collectives(plan, planner, schedule);
  warn_of_imbalance(schedule);
  return schedule;
}

RankWork work_of(const MergePlan& plan, const Schedule& schedule, std::uint32_t rank) {
  std::vector<std::uint32_t> units;
  for (std::uint32_t u = 0; u < schedule.units.size(); ++u) {
    if (schedule.units[u].rank == rank) units.push_back(u);
  }
  const WaveBudget budget = wave_budget(plan, schedule.units, schedule.options);
  return WavePlanner(plan, schedule, budget).work(rank, units);
}

MemoryPlan memory_of(const MergePlan& plan, const Schedule& schedule, const RankWork& work) {
  return memory_of(plan, schedule, work, wave_budget(plan, schedule.units, schedule.options));
}

}  // namespace stockpot::plan
