#include "plan/sweep.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>

#include "core/error.hpp"
#include "plan/readers.hpp"
#include "plan/waves.hpp"

namespace stockpot::plan {
namespace {

/// Bytes that merges want of models, each as often as it is wanted by another merge than the first.
std::uint64_t common_bytes(std::span<const SweepPart> parts) {
  std::map<std::string_view, std::vector<std::uint8_t>> wanted;  // by model, tensor
  std::uint64_t common = 0;
  for (const SweepPart& part : parts) {
    std::map<std::string_view, std::vector<std::uint8_t>> own;
    const auto want = [&](SourceTensor source, std::uint64_t elements) {
      const Catalogue& model = part.plan->models[source.model];
      auto& before = wanted[model.directory];
      before.resize(model.tensors.size());
      auto& now = own[model.directory];
      now.resize(model.tensors.size());
      if (before[source.tensor] != 0 && now[source.tensor] == 0) common += part.plan->read_bytes(source, elements);
      now[source.tensor] = 1;
    };
    for (const PlannedTensor& tensor : part.plan->tensors) {
      for (const SourceTensor source : tensor.sources) want(source, tensor.output.elements());
      if (tensor.base) want(*tensor.base, tensor.output.elements());
    }
    for (auto& [model, tensors] : own) {
      auto& before = wanted[model];
      std::ranges::transform(before, tensors, before.begin(), std::bit_or<>());
    }
  }
  return common;
}

/// Enough for two usual waves, and for what direct units are ahead of them.
std::uint64_t usual_spare(const ScheduleOptions& options) {
  constexpr std::uint64_t direct = std::uint64_t{64} << 20;
  return std::min(options.memory_per_rank / 2, direct + 2 * usual_kept_bytes * options.threads);
}

std::vector<Schedule> make_each(std::span<const SweepPart> parts, std::uint64_t spare) {
  std::vector<Schedule> schedules;
  for (const SweepPart& part : parts) {
    ScheduleOptions options = part.options;
    options.spare_bytes = spare;
    schedules.push_back(make_schedule(*part.plan, options, part.done));
  }
  return schedules;
}

std::uint64_t reads_of(std::span<const Schedule> schedules) {
  return std::accumulate(schedules.begin(), schedules.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const Schedule& schedule) { return sum + schedule.reads_total; });
}

std::optional<std::vector<Schedule>> with_spare_memory(std::span<const SweepPart> parts) {
  try {
    return make_each(parts, usual_spare(parts.front().options));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::limits) throw;
    return std::nullopt;
  }
}

std::uint64_t bytes_in_local_groups(const SweepPart& part, const Schedule& schedule) {
  std::uint64_t bytes = 0;
  for (const Unit& unit : schedule.units) {
    const auto group = statistics_group(*part.plan, unit);
    if (unit.rank != no_rank && group && schedule.group_is_shared[*group] == 0) bytes += read_bytes(*part.plan, unit);
  }
  return bytes;
}

/// Gives what merges have in common to the same ranks.
void follow(std::span<const SweepPart> parts, std::vector<Schedule>& schedules) {
  std::vector<std::pair<std::uint64_t, std::size_t>> leaders_first;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    leaders_first.emplace_back(bytes_in_local_groups(parts[p], schedules[p]), p);
  }
  std::ranges::stable_sort(leaders_first, std::greater<>(), &std::pair<std::uint64_t, std::size_t>::first);
  Readers readers;
  for (const auto& [bytes, p] : leaders_first) {
    Schedule& alone = schedules[p];
    Schedule following = make_schedule(*parts[p].plan, alone.options, parts[p].done, &readers);
    if (following.work.imbalance <= std::max(tolerated_following, alone.work.imbalance)) alone = std::move(following);
    readers.add(*parts[p].plan, alone);
  }
}

}  // namespace

std::vector<Schedule> make_schedules(std::span<const SweepPart> parts) {
  std::vector<Schedule> schedules = make_each(parts, 0);
  if (parts.size() < 2) return schedules;
  auto roomy = with_spare_memory(parts);
  if (roomy && reads_of(*roomy) <= reads_of(schedules) + common_bytes(parts)) schedules = *std::move(roomy);
  if (parts.front().options.ranks > 1) follow(parts, schedules);
  return schedules;
}

}  // namespace stockpot::plan
