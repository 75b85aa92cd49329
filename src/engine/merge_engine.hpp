// The loop: waves of groups go through their statistics passes, then every unit is merged, encoded and written.
//
//   for each wave:                       shared waves first, all ranks together; then this rank's local ones; then the
//     while a group wants a pass:        units that need no statistics, in one sweep without any communication
//       workers: read, decode, observe   each strip once; inputs that fit stay in the pool for later passes
//       combine tallies                  local: as they are. shared: two collectives for all groups of the wave
//       conclude
//     workers: read, decode, merge, encode, digest, write
//   at last:                             what slower ranks have not begun (work_exchange.hpp)
//
// There is no second loop for small models, for one rank, for one format or for one method.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/engine_context.hpp"
#include "engine/read_ahead.hpp"
#include "engine/wave_run.hpp"
#include "engine/work_exchange.hpp"

namespace stockpot::engine {

/// Direct units on their way.
struct DirectRun {
  DirectRun(const EngineContext& context, std::span<const std::uint32_t> units)
      : strips(context.plan, context.schedule, units), ahead(context, strips) {}
  Strips strips;
  ReadAhead ahead;
};

class MergeEngine {
 public:
  /// Everything must outlive the engine.
  /// @param takes_over  ranks that are through do what others have not begun.
  MergeEngine(EngineContext& context, bool takes_over);

  /// Collective. Executes this rank's part of the schedule. Throws alike on all ranks.
  void run();

  // The parts of run(), for several engines in turns (joint_sweep.hpp):

  /// Collective. What has to be known of the whole model before anything is written.
  void find_factor();
  const plan::RankWork& work() const { return work_; }
  const EngineContext& context() const { return context_; }
  /// Collective.
  void run_shared(const plan::Wave& wave);
  /// Local. @param next  the wave after it, or nullptr.
  void run_local(const plan::Wave& wave, const plan::Wave* next);
  /// Worker threads. The b-th bundle of direct units, but for units of which `wanted` says that somebody else has them.
  void merge_direct(std::size_t worker, DirectRun& run, std::size_t b,
                    const std::function<bool(std::size_t place)>& wanted = {});
  /// Local. Ends this rank's part if a worker left something undone because somebody wants the program to stop.
  void end_if_stopped() const;

  /// Local, main thread, some times a second while workers work: answers ranks that have nothing to do.
  void serve_others();
  /// Units that this rank took over from others.
  std::uint64_t units_taken_over() const { return units_taken_over_; }

  /// Methods' remarks of this rank, "tensor: remark".
  std::vector<std::string> remarks() const;

 private:
  /// Everything once: all waves, then the direct units.
  void sweep();
  void run_own();
  void run_own_waves();
  std::unique_ptr<WaveRun> begin_local(const plan::Wave& wave);
  /// Local. Through its statistics passes. @return false: this rank is to begin nothing more.
  bool observe_all(WaveRun& run, const plan::Wave* next);
  void take_remarks(const WaveRun& run);
  void run_parcels();
  /// @param own  what may be given away meanwhile: these units; or nullptr.
  void merge_units(const std::vector<std::uint32_t>& units, OwnWork* own);
  /// Whether this rank is to begin nothing more.
  bool is_over() const { return context_.comm.alarmed() || context_.stop.has_skipped(); }
  bool take_recorded_factor();
  void measure_factor();
  /// Both sweeps of `lines` find the same totals: the first one records them.
  bool records_passes() const { return context_.plan.lines_models == 0 || context_.measuring; }
  const methods::Method* direct_method(std::uint32_t tensor);

  EngineContext& context_;
  bool takes_over_;
  plan::RankWork work_;
  std::optional<OwnWork> own_;            // of the sweep under way
  std::optional<WorkExchange> exchange_;  // likewise, where ranks take work over
  std::uint64_t units_taken_over_ = 0;
  std::mutex direct_mutex_;
  std::vector<std::unique_ptr<methods::Method>> direct_methods_;  // by group, made when first needed
  std::vector<std::string> remarks_;                              // of waves
};

}  // namespace stockpot::engine
