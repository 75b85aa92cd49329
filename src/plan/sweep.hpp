// Schedules of merges that share a sweep over their inputs: what they have in common is to be read once.
//
//   memory   a part of each rank's stays free for what one merge has read and another one wants. Not where waves would then
//            have to read more again than merges have in common, nor where what each keeps is enough: merges of the same
//            models in the same order find it there
//   ranks    tensors go to the same rank for all merges. Who has most in groups that live on one rank is dealt first, as if
//            it were alone; the others follow, unless that would leave ranks idle: then one of them may lead others
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "plan/schedule.hpp"

namespace stockpot::plan {

/// One of the merges.
struct SweepPart {
  const MergePlan* plan = nullptr;
  ScheduleOptions options;             ///< of all parts the same ranks, threads and memory
  std::span<const std::uint8_t> done;  ///< as for make_schedule()
};

/// A follower's ranks may have so many times the mean to do; more is only accepted where it has no better deal by itself.
inline constexpr double tolerated_following = 1.1;

/// What it takes to remember what merges read until the others come there: they are at about the same place of the models, a wave
/// apart, or some transfers.   @param kept_bytes  what a wave keeps
constexpr std::uint64_t bytes_to_remember(std::uint64_t kept_bytes) {
  return (std::uint64_t{64} << 20) + 2 * kept_bytes;
}

/// Parallel to `parts`; of one part: make_schedule(). @throws Error(limits) as make_schedule().
std::vector<Schedule> make_schedules(std::span<const SweepPart> parts);

}  // namespace stockpot::plan
