// The loop: waves of groups go through their statistics passes, then every unit is merged, encoded and written.
//
//   for each wave:                       shared waves first, all ranks together; then this rank's local ones; then the
//     while a group wants a pass:        units that need no statistics, in one sweep without any communication
//       workers: read, decode, observe   each strip once; inputs that fit stay in the pool for later passes
//       combine tallies                  local: as they are. shared: two collectives for all groups of the wave
//       conclude
//     workers: read, decode, merge, encode, digest, write
//
// There is no second loop for small models, for one rank, for one format or for one method.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/engine_context.hpp"

namespace stockpot::engine {

class MergeEngine {
 public:
  /// Everything must outlive the engine.
  MergeEngine(EngineContext& context, MemoryPool& pool);

  /// Collective. Executes this rank's part of the schedule. Throws alike on all ranks.
  void run();

  /// Methods' remarks of this rank, "tensor: remark".
  const std::vector<std::string>& remarks() const { return remarks_; }

 private:
  /// Everything once: all waves, then the direct units.
  void sweep();
  bool take_recorded_factor();
  void measure_factor();
  void end_if_stopped() const;
  /// Both sweeps of `lines` find the same totals: the first one records them.
  bool records_passes() const { return context_.plan.lines_models == 0 || context_.measuring; }
  void run_shared(const plan::Wave& wave);
  /// @param next  the wave after it, or nullptr.
  void run_local(const plan::Wave& wave, const plan::Wave* next);
  void merge_direct(const std::vector<std::uint32_t>& units);
  const methods::Method* direct_method(std::uint32_t tensor);

  EngineContext& context_;
  plan::RankWork work_;
  PoolBuffer kept_, counters_;  // for the largest wave, used again by each
  PoolLoan state_;              // what its methods allocate themselves
  std::mutex direct_mutex_;
  std::vector<std::unique_ptr<methods::Method>> direct_methods_;  // by group, made when first needed
  std::vector<std::string> remarks_;
};

}  // namespace stockpot::engine
