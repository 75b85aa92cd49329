// How groups with statistics share a rank's memory: which go through their passes together, and what stays in memory.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <vector>

#include "plan/schedule.hpp"

namespace stockpot::plan {

/// What a wave of local groups keeps for each thread: enough work to share out evenly. More would only be more memory to
/// touch for the first time, which costs as much as several passes over it.
inline constexpr std::uint64_t usual_kept_bytes = std::uint64_t{128} << 20;

/// What keeps small tensors that sources want again and again: more would not save much.
inline constexpr std::uint64_t usual_small_tensor_bytes = std::uint64_t{256} << 20;

/// The memory of a rank, divided. The same on all ranks.
struct WaveBudget {
  std::uint64_t worker_bytes = 0;                ///< all threads
  std::uint64_t workspace_bytes = 0;             ///< what concluding methods may take at once
  std::uint64_t small_tensor_bytes = 0;          ///< what adapters' tensors and scales may take
  std::uint64_t tally_bytes = 0;                 ///< what the tallies and the methods' state of one wave may take
  std::uint64_t kept_bytes = 0;                  ///< what inputs and notes kept between passes may take: the rest
  std::vector<std::uint64_t> group_tally_bytes;  ///< by group
};

/// @throws Error(limits) if the buffers and the largest group's tally alone exceed the memory of a rank.
WaveBudget wave_budget(const MergePlan& plan, std::span<const Unit> units, const ScheduleOptions& options);

/// What catalogues, plan and schedule take beside the pool, beyond what any process takes.
std::uint64_t bookkeeping_bytes(const MergePlan& plan);

/// Bytes of inputs that a unit reads in one pass, and of output that it writes.
std::uint64_t read_bytes(const MergePlan& plan, const Unit& unit);
std::uint64_t write_bytes(const MergePlan& plan, const Unit& unit);

/// Where reading a unit begins. Units in this order are read from one end of a file to the other.
struct Position {
  std::uint32_t model = 0, file = 0;
  std::uint64_t byte = 0;
  auto operator<=>(const Position&) const = default;
};
Position position(const MergePlan& plan, const Unit& unit);

/// Bytes that a unit's inputs take in the pool where they are kept, and those of what its method notes.
std::uint64_t kept_unit_bytes(const MergePlan& plan, const Schedule& schedule, const Unit& unit);
std::uint64_t unit_note_bytes(const MergePlan& plan, const Schedule& schedule, const Unit& unit);

WaveMemory memory_of_wave(const MergePlan& plan, const Schedule& schedule, const Wave& wave);

/// Makes waves out of a schedule whose units have their ranks.
class WavePlanner {
 public:
  /// All references must outlive the planner.
  WavePlanner(const MergePlan& plan, const Schedule& schedule, const WaveBudget& budget);

  /// @param units  those of `rank`, ascending.
  RankWork work(std::uint32_t rank, std::span<const std::uint32_t> units) const;

  /// The groups of each shared wave.
  const std::vector<std::vector<std::uint32_t>>& shared_waves() const { return shared_waves_; }

 private:
  void sort_for_reading(std::vector<std::uint32_t>& units) const;
  std::vector<Wave> local_waves(std::vector<std::vector<std::uint32_t>> units_of_group) const;
  void keep_what_fits(Wave& wave) const;
  /// Of inputs and notes.
  std::uint64_t kept_size(std::span<const std::uint32_t> units) const;

  const MergePlan& plan_;
  const Schedule& schedule_;
  const WaveBudget& budget_;
  std::vector<std::vector<std::uint32_t>> shared_waves_;
  std::vector<std::uint32_t> shared_wave_of_group_;
};

}  // namespace stockpot::plan
