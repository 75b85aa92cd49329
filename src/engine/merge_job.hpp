// One stage from plan to published output, on all ranks.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "engine/input_files.hpp"
#include "engine/stage.hpp"
#include "io/publish.hpp"
#include "io/run_record.hpp"
#include "plan/schedule.hpp"

namespace stockpot::engine {

/// What a job reports while it runs, on every rank, from the main thread, about ten times a second.
struct Progress {
  std::uint64_t bytes_done = 0;  ///< read and written by this rank
  std::uint64_t bytes_planned = 0;
};

struct JobOptions {
  std::string output_format = "safetensors";
  bool write_model_card = true;
  OpenSource open = posix_source();
  std::vector<Remark> remarks;                       ///< met so far: for the run record
  std::function<void(const Progress&)> on_progress;  ///< may be empty
};

/// What one rank did; busy from the first strip to this rank's last.
using RankReport = io::RunRecord::Rank;

struct JobSummary {
  std::string manifest_sha256;  ///< rank 0 only, as is everything below
  std::uint64_t bytes_read = 0, bytes_written = 0;
  std::uint64_t collectives = 0;
  double seconds = 0;
  std::vector<RankReport> ranks;
  std::vector<io::RunRecord::Saturated> saturated;  ///< in the plan's order
  std::vector<std::string> remarks;                 ///< of methods: "tensor: remark"; of sources; of saturated values
};

/// Collective. Executes `schedule` and publishes. Throws alike on all ranks; then nothing is under the output's name that
/// was not there before, and the staging directory is gone.
/// @param out      of the output, for its card.
/// @param staging  rank 0's: where it grows.
JobSummary run_merge(const comm::Communicator& comm, const recipe::Recipe& recipe, const Stage& stage,
                     const plan::Schedule& schedule, const std::string& out, std::optional<io::Staging>& staging,
                     const JobOptions& options);

}  // namespace stockpot::engine
