#include "plan/sweep.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "core/error.hpp"
#include "plan/readers.hpp"
#include "plan/waves.hpp"

namespace stockpot::plan {
namespace {

constexpr std::size_t most_leaders = 3;  // who follows tries all of them

/// Merges of one kind cut their models into the same strips and waves: what one of them keeps is there for the others.
using Kind = std::pair<std::vector<std::string_view>, bool>;

bool has_statistics(const MergePlan& plan) {
  return std::ranges::any_of(plan.groups, [](const Group& group) { return group.needs.passes > 0; });
}

Kind kind_of(const MergePlan& plan) {
  Kind kind{{}, has_statistics(plan)};
  for (const Catalogue& model : plan.models) kind.first.push_back(model.directory);
  return kind;
}

/// What of its models a merge wants, by model and tensor.
using Wanted = std::map<std::string_view, std::vector<std::uint64_t>>;

/// Bytes, but of groups that no memory would hold until another merge comes to them.
Wanted wanted_of(const MergePlan& plan, const Schedule& schedule) {
  Wanted wanted;
  for (const Unit& unit : schedule.units) {
    const PlannedTensor& tensor = plan.tensors[unit.tensor];
    if (unit.rank == no_rank) continue;
    if (statistics_group(plan, unit) && plan.input_bytes(unit.tensor) > schedule.options.spare_bytes) continue;
    const auto want = [&](SourceTensor source) {
      auto& bytes = wanted[plan.models[source.model].directory];
      bytes.resize(std::max(bytes.size(), plan.models[source.model].tensors.size()));
      bytes[source.tensor] += plan.read_bytes(source, unit.range.count);
    };
    for (const SourceTensor source : tensor.sources) want(source);
    if (tensor.base) want(*tensor.base);
  }
  return wanted;
}

/// Bytes that merges of different kinds want of models, each as often as it is wanted by another one than the first.
std::uint64_t common_bytes(std::span<const SweepPart> parts, std::span<const Schedule> schedules) {
  std::set<Kind> kinds;
  Wanted wanted;
  std::uint64_t common = 0;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    if (!kinds.insert(kind_of(*parts[p].plan)).second) continue;
    for (const auto& [model, tensors] : wanted_of(*parts[p].plan, schedules[p])) {
      auto& before = wanted[model];
      before.resize(std::max(before.size(), tensors.size()));
      for (std::size_t t = 0; t < tensors.size(); ++t) {
        common += std::min(before[t], tensors[t]);
        before[t] = std::max(before[t], tensors[t]);
      }
    }
  }
  return common;
}

/// Bytes that are read if merges of one kind share what stays in memory.
std::uint64_t reads_of(std::span<const SweepPart> parts, std::span<const Schedule> schedules) {
  std::map<Kind, std::uint64_t> once;
  std::uint64_t reads = 0;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    std::uint64_t& of_kind = once[kind_of(*parts[p].plan)];
    of_kind = std::max(of_kind, schedules[p].reads_total - schedules[p].reads_again);
    reads += schedules[p].reads_again;
  }
  for (const auto& [kind, bytes] : once) reads += bytes;
  return reads;
}

std::uint64_t usual_spare(const ScheduleOptions& options) {
  return std::min(options.memory_per_rank / 2, bytes_to_remember(usual_kept_bytes * options.threads));
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

/// The schedule of a merge that gives to the same ranks as one of the others what it has in common with that one; its own if that
/// would leave ranks idle.
/// @param leaders  grows by what the merge reads.
Schedule followed(const SweepPart& part, const Schedule& own, std::vector<Readers>& leaders) {
  std::optional<Schedule> best;
  Readers* leader = nullptr;
  std::uint64_t most = 0;
  for (Readers& readers : leaders) {
    Schedule following = make_schedule(*part.plan, own.options, part.done, &readers);
    if (following.work.imbalance > std::max(tolerated_following, own.work.imbalance)) continue;
    const std::uint64_t common = readers.common_bytes(*part.plan, following);
    if (best && common <= most) continue;
    best = std::move(following);
    leader = &readers;
    most = common;
  }
  if (leader == nullptr && leaders.size() < most_leaders) leader = &leaders.emplace_back();
  Schedule chosen = best ? *std::move(best) : own;
  if (leader != nullptr) leader->add(*part.plan, chosen);
  return chosen;
}

/// Gives what merges have in common to the same ranks.
void follow(std::span<const SweepPart> parts, std::vector<Schedule>& schedules) {
  std::vector<std::pair<std::uint64_t, std::size_t>> leaders_first;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    leaders_first.emplace_back(bytes_in_local_groups(parts[p], schedules[p]), p);
  }
  std::ranges::stable_sort(leaders_first, std::greater<>(), &std::pair<std::uint64_t, std::size_t>::first);
  std::vector<Readers> leaders;
  for (const auto& [bytes, p] : leaders_first) schedules[p] = followed(parts[p], schedules[p], leaders);
}

}  // namespace

std::vector<Schedule> make_schedules(std::span<const SweepPart> parts) {
  std::vector<Schedule> schedules = make_each(parts, 0);
  if (parts.size() < 2) return schedules;
  auto roomy = with_spare_memory(parts);
  if (roomy && reads_of(parts, *roomy) < reads_of(parts, schedules) + common_bytes(parts, *roomy)) {
    schedules = *std::move(roomy);
  }
  if (parts.front().options.ranks > 1) follow(parts, schedules);
  return schedules;
}

}  // namespace stockpot::plan
