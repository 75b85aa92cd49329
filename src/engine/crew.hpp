// What a merge works with on one rank: memory, worker threads, open files. Merges that are made together share them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <tuple>
#include <vector>

#include "core/bfloat16.hpp"
#include "engine/held_parts.hpp"
#include "engine/input_files.hpp"
#include "engine/memory_pool.hpp"
#include "engine/strip_clock.hpp"
#include "engine/worker_buffers.hpp"
#include "engine/workers.hpp"
#include "io/read_memory.hpp"
#include "plan/schedule.hpp"

namespace stockpot::engine {

/// What one worker owns.
struct Worker {
  WorkerBuffers buffers;
  HeldParts held;  ///< in buffers.stored()
  std::tuple<std::vector<const float*>, std::vector<const double*>, std::vector<const Bfloat16*>> of_tile;
  StripClock& clock;
  /// Memory for what a tile points to.
  template <class E>
  std::vector<const E*>& models() {
    return std::get<std::vector<const E*>>(of_tile);
  }
};

/// The memory that merges want, one after the other: the most of each kind as a rule.
struct CrewNeeds {
  plan::StripMemory strip;
  plan::WaveMemory wave;
  std::uint64_t workspace_bytes = 0;
  std::uint64_t tally_bytes = 0;         ///< with partial sums, which methods' tallies hold themselves
  std::uint64_t small_tensor_bytes = 0;  ///< of all merges together: SmallTensors
  std::uint64_t bookkeeping_bytes = 0;   ///< likewise, outside of the pool; no part of the total
  bool turns_matrices = false;           ///< outside of the pool, too: so much that one merge of a sweep may

  CrewNeeds() = default;
  CrewNeeds(const plan::MergePlan& plan, const plan::Schedule& schedule);
  void join(const CrewNeeds& other);
  std::uint64_t total(std::uint64_t threads) const;
};

class Crew {
 public:
  /// @param idle  as for Workers.   @param merges  that share it.   @throws Error(limits) if the needs exceed the memory of a rank.
  Crew(const CrewNeeds& needs, const plan::ScheduleOptions& options, OpenSource open, std::function<bool()> idle,
       std::size_t merges);

  MemoryPool pool;
  InputFiles files;
  Workers workers;
  std::vector<Worker> per_worker;
  KeptStrips kept;                    ///< for the largest wave, used again by each
  std::span<std::uint64_t> counters;  ///< likewise

 private:
  /// What several merges do not want of the rank's memory holds what one of them has read for the next one.
  void remember_reads(const CrewNeeds& needs, const plan::ScheduleOptions& options);
  PoolBuffer kept_memory_, counter_memory_, remembered_;
  std::optional<io::ReadMemory> read_memory_;
  PoolLoan state_, workspace_, small_tensors_;  // what methods and sources allocate themselves
};

}  // namespace stockpot::engine
