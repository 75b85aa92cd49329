// The clock of a rank's main thread, from the start of the program to its end.
#pragma once

#include "comm/communicator.hpp"
#include "engine/phase_clock.hpp"

namespace stockpot::engine {

/// Main thread only.
class RunClock {
 public:
  explicit RunClock(Phase first, PhaseClock::Now now = &PhaseClock::Clock::now) : clock_(first, now) {}

  void enter(Phase next) { clock_.enter(next); }
  /// @see PhaseClock::take
  PhaseTimes take() { return clock_.take(); }
  /// What begins now is not the work of the phase under way, which goes on after resume().
  void wait() { interrupted_ = clock_.enter(Phase::waiting).phase; }
  void resume() { clock_.enter(interrupted_); }

 private:
  PhaseClock clock_;
  Phase interrupted_ = Phase::waiting;
};

/// As long as it lives, what a communicator waits is `waiting` on a clock. Outlived by both.
class WaitsOnClock {
 public:
  WaitsOnClock(const comm::Communicator& comm, RunClock& clock) : comm_(comm) {
    comm_.on_wait([&clock](bool begins) { begins ? clock.wait() : clock.resume(); });
  }
  ~WaitsOnClock() { comm_.on_wait({}); }
  WaitsOnClock(const WaitsOnClock&) = delete;
  WaitsOnClock& operator=(const WaitsOnClock&) = delete;

 private:
  const comm::Communicator& comm_;
};

}  // namespace stockpot::engine
