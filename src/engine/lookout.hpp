// What the main thread keeps an eye on, about ten times a second, while workers work or storage is waited for: whether
// somebody wants the job to stop, whether its time is up, whether a transfer hangs.
#pragma once

#include <chrono>
#include <functional>
#include <utility>

#include "comm/communicator.hpp"
#include "core/error.hpp"
#include "engine/merge_job.hpp"
#include "engine/reliability.hpp"

namespace stockpot::engine {

class Lookout {
 public:
  using Seconds = std::chrono::duration<double>;

  /// All must outlive it. @param in_flight  how long it takes to finish and to commit what is in flight; empty: no time.
  Lookout(const comm::Communicator& comm, const JobOptions& options, std::function<Seconds()> in_flight = {})
      : comm_(comm),
        options_(options),
        in_flight_(std::move(in_flight)),
        stop_(options.stop != nullptr ? *options.stop : own_stop_) {}
  Lookout(const Lookout&) = delete;
  Lookout& operator=(const Lookout&) = delete;

  /// Main thread. Passes on who wants to stop, and ends the job if a transfer hangs. @return false: some rank raised the alarm.
  bool look_around();
  /// Likewise, for work that leaves nothing behind: whoever wants the job to stop ends it at once.
  /// @throws Error(stopped)
  bool look_around_or_stop();

  StopFlag& stop() { return stop_; }
  /// What ends a job that stops.
  Error stopped() const;

 private:
  bool is_late() const;
  /// Does not return if a transfer takes longer than the stall timeout.
  void end_what_hangs() const;

  const comm::Communicator& comm_;
  const JobOptions& options_;
  std::function<Seconds()> in_flight_;
  StopFlag own_stop_;
  StopFlag& stop_;
};

}  // namespace stockpot::engine
