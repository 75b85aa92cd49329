#include "plan/waves.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <utility>

#include "core/size.hpp"

namespace stockpot::plan {
namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
/// Tallies of a shared wave travel through every rank: more than this at once makes collectives slow.
constexpr std::uint64_t most_tally_bytes = 64 * mebibyte;

std::uint64_t memory_of_merge(const ScheduleOptions& options) {
  return options.memory_per_rank - std::min(options.memory_per_rank, options.spare_bytes);
}

/// Partial sums of a run of blocks combine into at most two tree nodes per level.
std::uint64_t sum_bytes(const methods::TallyShape& tally, std::uint64_t tiles) {
  if (tally.sums == 0) return tally.maxima * sizeof(double);
  const auto nodes = 2 * static_cast<std::uint64_t>(std::bit_width(tiles));
  return (nodes * (tally.sums + 2) + tally.maxima) * sizeof(double);  // with level and index
}

std::vector<std::uint64_t> group_tallies(const MergePlan& plan, std::span<const Unit> units) {
  std::vector<std::uint64_t> bytes;
  bytes.reserve(plan.groups.size());
  for (const Group& group : plan.groups) {
    bytes.push_back(group.needs.tally.counts * sizeof(std::uint64_t) + group.needs.state_bytes);
  }
  for (const Unit& unit : units) {
    const PlannedTensor& tensor = plan.tensors[unit.tensor];
    if (tensor.action == Action::copy) continue;
    bytes[tensor.group] +=
        sum_bytes(plan.groups[tensor.group].needs.tally, tiles_of(plan, unit.tensor, unit.range.count));
  }
  return bytes;
}

[[noreturn]] void raise_too_little_memory(const WaveBudget& budget, std::uint64_t largest_tally,
                                          const ScheduleOptions& options) {
  const auto in_mib = [](std::uint64_t bytes) { return (bytes + mebibyte - 1) / mebibyte; };
  const std::uint64_t needed = budget.worker_bytes + budget.workspace_bytes + largest_tally;
  throw Error(ErrorKind::limits,
              fmt::format("{} per rank do not hold the buffers of {} worker thread{} ({} MiB), "
                          "the statistics of the largest group ({} MiB) and what concluding them takes ({} MiB)",
                          human_bytes(memory_of_merge(options)), options.threads, options.threads == 1 ? "" : "s",
                          in_mib(budget.worker_bytes), in_mib(largest_tally), in_mib(budget.workspace_bytes)))
      .hint(fmt::format("--memory-per-rank {}MiB would do; so may fewer --threads", in_mib(needed)));
}

std::uint64_t largest_state(const MergePlan& plan) {
  std::uint64_t largest = 0;
  for (const Group& group : plan.groups) {
    if (group.needs.one_rank) largest = std::max(largest, group.needs.state_bytes);
  }
  return largest;
}

/// What of a rank's memory keeps small tensors that sources want again and again.
std::uint64_t small_tensor_bytes(const MergePlan& plan, const ScheduleOptions& options) {
  const bool adapts = std::ranges::any_of(plan.adapted, [](const AdaptedTensors& parts) { return !parts.empty(); });
  const bool decodes =
      std::ranges::any_of(plan.models, [](const Catalogue& model) { return !model.encodings.empty(); });
  return adapts || decodes ? std::min(usual_small_tensor_bytes, memory_of_merge(options) / 4) : 0;
}

/// Room for the largest group that concludes, or for all threads at once where that is not too much.
/// @param needed  by what cannot be less
std::uint64_t workspace_bytes(const MergePlan& plan, const ScheduleOptions& options, std::uint64_t needed) {
  std::uint64_t largest = 0;
  for (const Group& group : plan.groups) largest = std::max(largest, group.needs.workspace_bytes);
  const std::uint64_t memory = memory_of_merge(options), left = memory - std::min(memory, needed);
  return std::clamp(std::min(memory / 4, left), largest, options.threads * largest);
}

}  // namespace

std::uint64_t bookkeeping_bytes(const MergePlan& plan) {
  constexpr std::uint64_t bytes_of_tensor = 1536, usual = 32 * mebibyte;
  std::uint64_t tensors = plan.tensors.size();
  for (const Catalogue& model : plan.models) tensors += model.tensors.size();
  const std::uint64_t all = tensors * bytes_of_tensor;
  return all - std::min(all, usual);
}

WaveBudget wave_budget(const MergePlan& plan, std::span<const Unit> units, const ScheduleOptions& options) {
  WaveBudget budget;
  budget.worker_bytes = options.threads * largest_strip(plan, options.chunk_bytes).total();
  budget.group_tally_bytes = group_tallies(plan, units);
  std::uint64_t largest = 0, all = 0;
  for (const std::uint64_t bytes : budget.group_tally_bytes) {
    largest = std::max(largest, bytes);
    all += bytes;
  }
  const std::uint64_t memory = memory_of_merge(options);
  budget.workspace_bytes = workspace_bytes(plan, options, budget.worker_bytes + largest);
  const std::uint64_t buffers = budget.worker_bytes + budget.workspace_bytes;
  if (memory < buffers || memory - buffers < largest) raise_too_little_memory(budget, largest, options);
  budget.small_tensor_bytes = std::min(small_tensor_bytes(plan, options), memory - buffers - largest);
  const std::uint64_t left = memory - buffers - budget.small_tensor_bytes;
  // What gathers is concluded by all threads at once if there is room for as many groups.
  const std::uint64_t many_states = std::min(options.threads * largest_state(plan), left / 2);
  const std::uint64_t usual = std::min(std::max(std::min(most_tally_bytes, memory / 4), many_states), left);
  budget.tally_bytes = std::min(all, std::max(largest, usual));
  budget.kept_bytes = left - budget.tally_bytes;
  budget.kept_bytes -= std::min(budget.kept_bytes, bookkeeping_bytes(plan));
  return budget;
}

std::uint64_t read_bytes(const MergePlan& plan, const Unit& unit) {
  const PlannedTensor& tensor = plan.tensors[unit.tensor];
  std::uint64_t bytes = tensor.base ? plan.read_bytes(*tensor.base, unit.range.count) : 0;
  for (const SourceTensor source : tensor.sources) bytes += plan.read_bytes(source, unit.range.count);
  return bytes;
}

std::uint64_t write_bytes(const MergePlan& plan, const Unit& unit) {
  return bytes_of(plan.tensors[unit.tensor].output.dtype, unit.range.count);
}

Position position(const MergePlan& plan, const Unit& unit) {
  const SourceTensor first = plan.tensors[unit.tensor].sources.front();
  const StoredTensor& stored = plan.models[first.model].tensors[first.tensor];
  return {first.model, stored.file, stored.offset + plan.read_bytes(first, unit.range.first)};
}

std::uint64_t kept_unit_bytes(const MergePlan& plan, const Schedule& schedule, const Unit& unit) {
  return kept_unit_bytes(plan, unit.tensor, unit.range.count, schedule.options.chunk_bytes);
}

std::uint64_t unit_note_bytes(const MergePlan& plan, const Schedule& schedule, const Unit& unit) {
  return unit_note_bytes(plan, unit.tensor, unit.range.count, schedule.options.chunk_bytes);
}

WaveMemory memory_of_wave(const MergePlan& plan, const Schedule& schedule, const Wave& wave) {
  WaveMemory memory;
  for (std::size_t place = 0; place < wave.note_units; ++place) {
    memory.kept_bytes += unit_note_bytes(plan, schedule, schedule.units[wave.units[place]]);
  }
  for (std::size_t place = 0; place < wave.keep_units; ++place) {
    memory.kept_bytes += kept_unit_bytes(plan, schedule, schedule.units[wave.units[place]]);
  }
  for (const std::uint32_t g : wave.groups) {
    memory.counters += plan.groups[g].needs.tally.counts;
    memory.tally_bytes += plan.groups[g].needs.state_bytes;
  }
  memory.tally_bytes += memory.counters * sizeof(std::uint64_t);
  return memory;
}

WavePlanner::WavePlanner(const MergePlan& plan, const Schedule& schedule, const WaveBudget& budget)
    : plan_(plan), schedule_(schedule), budget_(budget), shared_wave_of_group_(plan.groups.size(), 0) {
  std::uint64_t tally = 0;
  for (std::uint32_t g = 0; g < plan.groups.size(); ++g) {
    if (schedule.group_is_shared[g] == 0) continue;
    tally += budget.group_tally_bytes[g];
    if (shared_waves_.empty() || tally > budget.tally_bytes) {
      shared_waves_.emplace_back();
      tally = budget.group_tally_bytes[g];
    }
    shared_waves_.back().push_back(g);
    shared_wave_of_group_[g] = static_cast<std::uint32_t>(shared_waves_.size() - 1);
  }
}

RankWork WavePlanner::work(std::uint32_t rank, std::span<const std::uint32_t> units) const {
  RankWork work;
  for (const auto& groups : shared_waves_) work.shared.push_back({groups, {}, 0});
  std::map<std::uint32_t, std::vector<std::uint32_t>> local;  // by group
  for (const std::uint32_t u : units) {
    const auto group = statistics_group(plan_, schedule_.units[u]);
    if (!group) {
      work.direct.push_back(u);
    } else if (schedule_.group_is_shared[*group] != 0) {
      work.shared[shared_wave_of_group_[*group]].units.push_back(u);
    } else {
      local[*group].push_back(u);
    }
  }
  for (Wave& wave : work.shared) {
    sort_for_reading(wave.units);
    keep_what_fits(wave);
  }
  std::vector<std::vector<std::uint32_t>> units_of_group;
  for (auto& [group, own] : local) units_of_group.push_back(std::move(own));
  work.local = local_waves(std::move(units_of_group));

  // Ranks start at different places, so that they do not all open the first file first.
  sort_for_reading(work.direct);
  const std::size_t start = work.direct.size() * rank / schedule_.options.ranks;
  std::rotate(work.direct.begin(), work.direct.begin() + static_cast<std::ptrdiff_t>(start), work.direct.end());
  return work;
}

void WavePlanner::sort_for_reading(std::vector<std::uint32_t>& units) const {
  if (units.size() < 2) return;
  std::vector<std::pair<Position, std::uint32_t>> placed;
  placed.reserve(units.size());
  for (const std::uint32_t u : units) placed.emplace_back(position(plan_, schedule_.units[u]), u);
  std::ranges::sort(placed);
  std::ranges::transform(placed, units.begin(), [](const auto& one) { return one.second; });
}

/// Groups in the order in which their files are read, as many to a wave as memory keeps.
std::vector<Wave> WavePlanner::local_waves(std::vector<std::vector<std::uint32_t>> units_of_group) const {
  std::vector<std::tuple<Position, std::uint32_t, std::size_t>>
      order;  // of groups: where the first unit is, which it is
  for (std::size_t place = 0; place < units_of_group.size(); ++place) {
    sort_for_reading(units_of_group[place]);
    const std::uint32_t first = units_of_group[place].front();
    order.emplace_back(position(plan_, schedule_.units[first]), first, place);
  }
  std::ranges::sort(order);
  std::vector<Wave> waves;
  std::uint64_t kept = 0, tally = 0;
  const std::uint64_t most_kept = std::min(budget_.kept_bytes, usual_kept_bytes * schedule_.options.threads);
  for (const auto& [at, first, place] : order) {
    const std::vector<std::uint32_t>& units = units_of_group[place];
    const std::uint32_t group = plan_.tensors[schedule_.units[first].tensor].group;
    kept += kept_size(units);
    tally += budget_.group_tally_bytes[group];
    if (waves.empty() || kept > most_kept || tally > budget_.tally_bytes) {
      waves.emplace_back();
      kept = kept_size(units);
      tally = budget_.group_tally_bytes[group];
    }
    waves.back().groups.push_back(group);
    waves.back().units.insert(waves.back().units.end(), units.begin(), units.end());
  }
  for (Wave& wave : waves) {
    sort_for_reading(wave.units);
    keep_what_fits(wave);
  }
  return waves;
}

/// Notes first: they are a small part of the inputs' bytes, and what they save takes longer than to read these again.
void WavePlanner::keep_what_fits(Wave& wave) const {
  std::uint64_t left = budget_.kept_bytes;
  const auto units_that_fit = [&](const auto& bytes_of) {
    std::uint64_t fit = 0;
    for (const std::uint32_t u : wave.units) {
      const std::uint64_t bytes = bytes_of(schedule_.units[u]);
      if (bytes > left) break;
      left -= bytes;
      ++fit;
    }
    return fit;
  };
  wave.note_units = units_that_fit([&](const Unit& unit) { return unit_note_bytes(plan_, schedule_, unit); });
  wave.keep_units = units_that_fit([&](const Unit& unit) { return kept_unit_bytes(plan_, schedule_, unit); });
}

std::uint64_t WavePlanner::kept_size(std::span<const std::uint32_t> units) const {
  return std::accumulate(units.begin(), units.end(), std::uint64_t{0}, [&](std::uint64_t sum, std::uint32_t u) {
    const Unit& unit = schedule_.units[u];
    return sum + kept_unit_bytes(plan_, schedule_, unit) + unit_note_bytes(plan_, schedule_, unit);
  });
}

}  // namespace stockpot::plan
