// One stage on its way through a sweep: what comes before it, and after.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine_context.hpp"
#include "engine/lookout.hpp"
#include "engine/merge_engine.hpp"
#include "engine/merge_job.hpp"

namespace stockpot::engine {

/// What the merges of one sweep have in common on this rank.
struct Sweep {
  const comm::Communicator& comm;
  const recipe::Recipe& recipe;
  RunClock& clock;
  Lookout& lookout;
  std::function<bool()> idle;   ///< of the main thread, while it waits for workers or storage
  std::optional<Crew> crew;     ///< once there is one
  PhaseTimes times;             ///< of the main thread, so far
  PhaseTimes times_of_workers;  ///< of merging
  io::StorageTotals storage;    ///< so far

  /// Up to now.
  const PhaseTimes& take_times() { return times += clock.take(); }
};

/// The part between the staging directory's creation and its publication.
class StageMerge {
 public:
  StageMerge(const MergeOrder& order, Sweep& sweep)
      : sweep_(sweep),
        comm_(sweep.comm),
        recipe_(sweep.recipe),
        stage_(*order.stage),
        plan_(stage_.plan),
        place_(*order.place),
        schedule_(place_.schedule),
        options_(order.options) {}

  /// Collective. Makes ready for the sweep.
  void begin();
  MergeEngine& engine() { return *engine_; }

  /// Collective. After the sweep: the data directory is complete.
  /// @param made_with  other stages of the sweep.
  JobSummary finish(std::vector<std::string> made_with);

  /// Collective. Reads back if that is wanted, and publishes.
  void publish();
  /// Gives back all that it has of the crew.
  void let_go();

  /// Local. After a failure: what was written and can be made durable is.
  void save() noexcept;
  /// Collective. All ranks fail together, and have saved: what is worth going on with stays, the rest goes.
  /// @param may_be_innocent  it may be another merge that failed.
  void end_failed(ErrorKind kind, bool may_be_innocent);

  /// Main thread, about ten times a second. @throws Error of a commit that failed.
  void check();

  Progress progress() const;

  /// Of what is in flight, and for committing it: what it took so far, at most.
  std::chrono::duration<double> slowest_unit() const;
  std::chrono::duration<double> slowest_commit() const;

 private:
  const recipe::MergeDocument& document() const { return recipe_.documents[stage_.document]; }
  /// Whether the journals hold anything.
  bool holds_work() const;

  /// Collective. A difference stays known, so that the next attempt looks for it and makes again what is damaged.
  void read_back();

  /// Collective. Output files at their sizes, and the small ones beside them.
  void make_output();

  /// Collective. What the ranks did.
  void add_up(JobSummary& summary);

  /// Collective.
  void take_remarks(JobSummary& summary) const;

  /// Rank 0. All but weight files that can be gone on with is made anew: it costs nothing.
  void remove_small_files(const std::string& directory, const std::optional<io::OutputPlaces>& places) const;

  /// Rank 0 has them all.
  void add_digests_of_done_units();

  /// Rank 0. @return the manifest's SHA-256.
  std::string write_records(const JobSummary& summary, const std::vector<io::Digest>& digests) const;

  /// Ranks do one another's work: none of it may have got lost.
  static void check_complete(const JobSummary& summary);

  Sweep& sweep_;
  const comm::Communicator& comm_;
  const recipe::Recipe& recipe_;
  const Stage& stage_;
  const plan::MergePlan& plan_;
  Workplace& place_;
  const plan::Schedule& schedule_;
  const JobOptions& options_;
  JobSummary summary_;  // of what was seen before the sweep
  Counters counters_;
  std::unique_ptr<io::TensorSink> sink_;
  std::optional<JournalKeeper> journal_;
  std::optional<EngineContext> context_;
  std::optional<MergeEngine> engine_;
  bool is_published_ = false;
  bool differs_ = false;  // from what was written, as read back: what is staged is the evidence
};

}  // namespace stockpot::engine
