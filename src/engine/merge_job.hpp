// A merge from plan to published output, on all ranks.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "engine/input_files.hpp"
#include "engine/inputs.hpp"
#include "io/run_record.hpp"
#include "plan/schedule.hpp"

namespace stockpot::engine {

/// What a job reports while it runs, on every rank, from the main thread, about ten times a second.
struct Progress {
  std::uint64_t bytes_done = 0;  ///< read and written by this rank
  std::uint64_t bytes_planned = 0;
};

struct JobOptions {
  std::string out;
  std::string output_format = "safetensors";
  bool write_model_card = true;
  bool copy_tokenizer = true;
  OpenSource open = posix_source();
  std::vector<std::string> warnings;                 ///< met so far: for the run record
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
  std::vector<std::string> remarks;  ///< of methods: "tensor: remark"
};

/// Collective. Executes `schedule` and publishes under `options.out`. Throws alike on all ranks; then nothing is under
/// `out` that was not there before, and the staging directory is gone.
JobSummary run_merge(const comm::Communicator& comm, const Inputs& inputs, const plan::MergePlan& plan,
                     const plan::Schedule& schedule, const JobOptions& options);

}  // namespace stockpot::engine
