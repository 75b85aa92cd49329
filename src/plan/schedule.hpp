// The plan dealt to ranks: units, their owners, and the waves in which each rank works. Changes with ranks, threads and
// memory; never changes a bit of the output.
//
// Three kinds of work, one loop:
//   direct   tensors that need no statistics (linear, copies): units go to any rank, read once, merged, written.
//   local    groups with statistics that live on one rank: in waves that fit its memory. A wave's inputs are kept in
//            the pool after the first read; what does not fit is read again in each pass.
//   shared   groups with statistics whose units lie on several ranks, because they are too large for one share or span
//            the whole model: in waves, the same on all ranks, whose tallies are combined by collectives.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/range.hpp"
#include "partition/assign.hpp"
#include "plan/plan.hpp"
#include "plan/strip.hpp"

namespace stockpot::plan {

/// A run of whole blocks of one output tensor: what is dealt, written and journaled.
struct Unit {
  std::uint32_t tensor = 0;
  ElementRange range;
  std::uint32_t rank = 0;
  bool done = false;  ///< by an earlier attempt: read for statistics of its group at most
};

/// The rank of units that nobody has to look at.
inline constexpr std::uint32_t no_rank = static_cast<std::uint32_t>(-1);

/// Groups that go through their passes together.
struct Wave {
  std::vector<std::uint32_t> groups;
  std::vector<std::uint32_t> units;  ///< of this rank, indices into Schedule::units, in reading order
  std::uint64_t keep_units = 0;      ///< the inputs of the first so many units stay in the pool after the first pass
  std::uint64_t note_units = 0;      ///< the first so many units have room there for what methods note
};

/// What one rank does, in this order: shared waves (all ranks together), local waves, direct units.
struct RankWork {
  std::vector<Wave> shared;  ///< same groups on every rank
  std::vector<Wave> local;
  std::vector<std::uint32_t> direct;  ///< units
};

struct ScheduleOptions {
  std::uint32_t ranks = 1;
  std::uint32_t threads = 1;
  std::uint64_t memory_per_rank = std::uint64_t{4} << 30;
  std::uint64_t spare_bytes = 0;                       ///< of that memory, for what several merges share (sweep.hpp)
  std::uint64_t chunk_bytes = std::uint64_t{1} << 20;  ///< of one read or write, per model: rounded to whole blocks
  std::uint64_t unit_bytes = 0;                        ///< of output; 0: chosen from total and ranks
  bool operator==(const ScheduleOptions&) const = default;
};

/// The memory of one rank, all from its pool.
struct MemoryPlan {
  std::uint64_t worker_bytes = 0;     ///< transfer and tile buffers of all threads: threads x largest_strip().total()
  std::uint64_t workspace_bytes = 0;  ///< what methods allocate while they conclude, all at once
  std::uint64_t tally_bytes = 0;      ///< counters, partial sums and methods' own state of the largest wave
  std::uint64_t small_tensor_bytes = 0;  ///< adapters' tensors and scales, which are kept as numbers
  std::uint64_t kept_bytes = 0;          ///< inputs and notes kept between passes, the largest wave
  std::uint64_t total() const { return worker_bytes + workspace_bytes + tally_bytes + small_tensor_bytes + kept_bytes; }
};

/// What one wave needs of the pool.
struct WaveMemory {
  std::uint64_t kept_bytes = 0;   ///< what its methods note, and behind that the inputs of its kept units
  std::uint64_t counters = 0;     ///< of 64 bits: of the largest pass of all its groups together
  std::uint64_t tally_bytes = 0;  ///< these counters, and what its methods allocate and hold
};

struct Schedule {
  ScheduleOptions options;
  std::uint64_t unit_bytes = 0;               ///< the one that was chosen
  std::uint64_t bundle_bytes = 0;             ///< of small units that a worker takes together (strip.hpp)
  std::vector<Unit> units;                    ///< ascending by (tensor, range.first)
  std::vector<std::uint8_t> group_is_shared;  ///< parallel to MergePlan::groups
  std::vector<std::uint64_t> rank_bytes;      ///< planned bytes moved by each rank, reads and writes
  std::vector<std::uint64_t> rank_read_bytes;
  partition::Balance balance;  ///< of rank_bytes
  partition::Balance work;     ///< of rank_bytes and what units and counters cost beside them: what is dealt evenly
  MemoryPlan memory;           ///< of the rank that needs most
  WaveMemory largest_wave;     ///< of any rank, each part by itself: a rank may have to take over another one's wave
  std::vector<std::string> warnings;

  std::uint64_t reads_total = 0;  ///< bytes read by all ranks, all passes
  std::uint64_t reads_again = 0;  ///< of these, in all passes over what no memory keeps
  std::uint64_t shared_waves = 0;
  std::uint64_t collectives = 0;  ///< predicted for the sweep of shared waves
};

class Readers;

/// @param done     by unit: 1 if an earlier attempt wrote it. Empty: none.
/// @param readers  which ranks other merges give tensors to: this one gives them to the same (readers.hpp). Null: there are none.
/// @throws Error(limits) if memory_per_rank cannot hold what the methods need, saying how much would do.
Schedule make_schedule(const MergePlan& plan, const ScheduleOptions& options, std::span<const std::uint8_t> done = {},
                       const Readers* readers = nullptr);

/// The units of a plan, ascending by (tensor, range.first): a function of plan and unit size alone.
std::vector<Unit> cut_units(const MergePlan& plan, std::uint64_t unit_bytes);

/// The group whose statistics a unit takes part in.
std::optional<std::uint32_t> statistics_group(const MergePlan& plan, const Unit& unit);

/// The work of one rank and its memory. @throws Error(limits) as above.
RankWork work_of(const MergePlan& plan, const Schedule& schedule, std::uint32_t rank);
MemoryPlan memory_of(const MergePlan& plan, const Schedule& schedule, const RankWork& work);

}  // namespace stockpot::plan
