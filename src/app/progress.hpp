// Progress on stderr: in place on a terminal, plain lines in a log.
#pragma once

#include <chrono>
#include <cstdint>

#include "engine/merge_job.hpp"

namespace stockpot::app {

/// Rank 0's own share stands for the whole: shares are balanced by bytes, and nobody has to be asked. Times and bytes are of the
/// merges under way.
class ProgressLines {
 public:
  /// @param every_seconds  0: none.
  ProgressLines(std::uint64_t every_seconds, int ranks);
  /// Ends a line that was drawn in place, also when an error is about to be printed.
  ~ProgressLines() { finish(); }
  ProgressLines(const ProgressLines&) = delete;
  ProgressLines& operator=(const ProgressLines&) = delete;
  void show(const engine::Progress& progress);
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  std::chrono::duration<double> every_;
  int ranks_;
  bool terminal_;
  bool drawn_ = false;
  Clock::time_point begin_;  // of the merges that were shown last
  Clock::time_point last_;   // when they were
  std::uint64_t last_bytes_ = 0;
};

}  // namespace stockpot::app
