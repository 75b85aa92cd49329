// One wave on its way through the statistics passes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/engine_context.hpp"
#include "engine/group_tally.hpp"
#include "engine/read_ahead.hpp"
#include "engine/strip_merger.hpp"

namespace stockpot::engine {

class WaveRun {
 public:
  /// The context has memory for all that the wave needs: plan::memory_of_wave().
  WaveRun(EngineContext& context, const plan::Wave& wave);
  ~WaveRun();
  WaveRun(const WaveRun&) = delete;
  WaveRun& operator=(const WaveRun&) = delete;

  /// Lets the methods learn what an earlier attempt found out in their first passes. Collective for a wave of shared groups.
  void replay(bool shared);
  /// Sets up the next pass, unless it is. @return false if no group wants one: the wave is ready to be merged.
  bool next_pass();
  /// Local. Workers observe this rank's part of the pass. May end early if another rank raised the alarm.
  /// @param next  the wave after this one, or nullptr: what it will read is read ahead once this one has read all it keeps.
  void observe(const plan::Wave* next = nullptr);
  /// Collective. Adds up all ranks' tallies, the same on every rank.
  void combine();
  /// Local. Every group's method learns the totals; workers conclude as many at once as there is workspace for. May
  /// end early if another rank raised the alarm.
  /// @param record  this rank's journal is to have the totals.
  void conclude(bool record);
  /// Local. Workers merge and write this rank's units. @param next  as for observe()
  void merge(const plan::Wave* next = nullptr);
  /// Whether the next wave's first pass can begin while this one is merged: neither has notes, nor methods that hold much memory.
  static bool can_overlap(const plan::MergePlan& plan, const plan::Wave& wave, const plan::Wave& next);
  /// Local. The same, and the first pass of the next wave goes on as far as memory becomes free: so some workers read
  /// while others write.   @pre can_overlap(); this wave wants no pass, and then next.next_pass() was true: both use the
  /// context's counters from their beginning
  void merge_beside(WaveRun& next);

  /// Methods' remarks, "tensor: remark".
  std::vector<std::string> remarks() const;

 private:
  struct Member {
    std::unique_ptr<methods::Method> method;
    std::unique_ptr<GroupTally> tally;  // of the coming pass; null: it wants none
    std::uint32_t passes = 0;           // concluded
    bool may_note = true;               // no pass was an earlier attempt's, which could have left notes
    bool inputs_are_finite = false;     // as a pass of this run over all elements has found, where it matters
  };
  /// Counters that a worker adds up alone until it meets another group.
  struct Pending {
    GroupTally* tally = nullptr;
    std::span<std::uint64_t> counts;
  };
  void merge_bundle(std::size_t w, std::size_t b, ReadAhead& ahead);
  void observe_bundle(std::size_t w, std::size_t b, ReadAhead& ahead);
  std::span<std::uint64_t> counts_for(std::size_t w, GroupTally& tally);
  void flush(std::size_t w);
  bool reads_no_more() const;
  Strips strips_of(const plan::Wave* wave) const;
  std::uint64_t chunk_bytes() const { return context_.schedule.options.chunk_bytes; }
  bool is_kept(std::size_t b) const { return b < kept_.layout.size(); }
  /// Opens the strips of bundle `b` that wants(strip) says yes to, with their bytes: kept ones are read when they are first wanted.
  template <class Wants>
  std::vector<OpenStrip> read(Worker& worker, std::size_t b, ReadAhead& ahead, const Wants& wants);
  /// What was or will be noted of a strip, if there is room for it.
  methods::Notes notes_of(const Strip& strip, const Member& member) const;
  StripMethod method_of(const Strip& strip, const Member& member) const;
  Member& member_of(std::uint32_t tensor);
  /// Where the memory of each kept bundle ends.
  std::vector<std::uint64_t> ends_of_kept() const;

  EngineContext& context_;
  const plan::Wave& wave_;
  Strips strips_;
  std::vector<std::uint64_t> notes_at_;  // of each unit with notes, where they begin in the kept memory
  KeptStrips::Wave kept_;                // of each kept bundle likewise, behind them
  std::vector<std::uint8_t>
      is_loaded_;  // of each strip, whether it was read in this run; a strip is one worker's at a time
  bool pass_is_set_up_ = false;
  std::size_t observed_ = 0;                // bundles that were observed in the coming pass before observe()
  std::span<std::uint64_t> used_counters_;  // of the coming pass
  std::vector<Member> members_;             // parallel to wave_.groups
  std::unordered_map<std::uint32_t, std::size_t> place_of_group_;
  std::vector<Pending> pending_;  // per worker
};

}  // namespace stockpot::engine
