// Stages from plan to published output, on all ranks: one, or several whose inputs are read together.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "engine/input_files.hpp"
#include "engine/reliability.hpp"
#include "engine/run_clock.hpp"
#include "engine/stage.hpp"
#include "engine/workplace.hpp"
#include "io/publish.hpp"
#include "io/run_record.hpp"
#include "io/tensor_sink.hpp"
#include "plan/schedule.hpp"

namespace stockpot::engine {

/// What a job reports while it runs, on every rank, from the main thread, about ten times a second.
struct Progress {
  std::chrono::steady_clock::time_point begin;  ///< of the merges under way, which everything here is of
  std::uint64_t bytes_done = 0;                 ///< read, found in memory and written by this rank
  std::uint64_t bytes_planned = 0;
  std::uint64_t units_done = 0;  ///< of this rank, on storage and in the journal
};

struct JobOptions {
  std::string output_format = "safetensors";
  bool write_model_card = true;
  OpenSource open = posix_source();
  io::Writing writing = io::Writing::cached;
  io::KernelCopies kernel_copies = io::KernelCopies::never;
  bool take_over = true;  ///< idle ranks do what others have not begun
  ReliabilityOptions reliability;
  bool keep_staging = false;                         ///< whatever happens: it holds finished stages, too
  RunClock* clock = nullptr;                         ///< goes on, from phase to phase; nullptr: one of its own
  Trace* trace = nullptr;                            ///< what threads do is noted there; nullptr: nowhere
  StopFlag* stop = nullptr;                          ///< who raises it ends the job; nullptr: nobody does
  std::function<void()> on_idle;                     ///< on the main thread, with on_progress; may be empty
  std::vector<Remark> remarks;                       ///< met so far: for the run record
  std::function<void(const Progress&)> on_progress;  ///< may be empty
};

/// What one rank did.
using RankReport = io::RankRecord;

struct JobSummary {
  std::string manifest_sha256;  ///< rank 0 only, as is everything below
  std::uint64_t bytes_read = 0, bytes_written = 0;
  std::uint64_t collectives = 0;
  double seconds = 0;
  std::vector<RankReport> ranks;  ///< up to the end of the merge; the run record ends before --verify and publication
  std::uint64_t attempt = 1, units = 0, units_resumed = 0;
  std::vector<io::RunRecord::Saturated> saturated;  ///< in the plan's order; of what this attempt wrote
  std::vector<std::string> remarks;                 ///< of methods: "tensor: remark"; of sources; of saturated values
  std::vector<std::string> made_with;               ///< names of other stages that were merged in the same sweep
};

/// What is to be made, and where.
struct MergeOrder {
  const Stage* stage = nullptr;
  Workplace* place = nullptr;
  JobOptions options;  ///< clock, trace, stop and on_* are those of the first order
};

using OnMerged = std::function<void(const MergeOrder&, const JobSummary&)>;

/// Collective. Executes schedules and publishes. Orders share a sweep over their inputs, as many at a time as memory has room
/// for. Throws alike on all ranks; then nothing is under an output's name that was not there before, unless it is complete.
/// A staging directory is gone, unless something in it is worth going on with.
/// @param orders   none of them an input of another; of schedules with the same threads and memory.
/// @param on_done  for each, in their order, when it is published.
void run_merges(const comm::Communicator& comm, const recipe::Recipe& recipe, std::span<const MergeOrder> orders,
                const OnMerged& on_done);

/// Collective. Of one.
JobSummary run_merge(const comm::Communicator& comm, const recipe::Recipe& recipe, const Stage& stage, Workplace& place,
                     const JobOptions& options);

}  // namespace stockpot::engine
