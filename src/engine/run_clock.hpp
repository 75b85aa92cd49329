// The clock of a rank's main thread, from the start of the program to its end.
#pragma once

#include "comm/communicator.hpp"
#include "engine/phase_clock.hpp"
#include "engine/trace.hpp"

namespace stockpot::engine {

/// Main thread only.
class RunClock {
 public:
  explicit RunClock(Phase first, PhaseClock::Now now = &PhaseClock::Clock::now) : clock_(first, now) {}

  void enter(Phase next) {
    const PhaseClock::Span ended = clock_.enter(next);
    if (trace_ == nullptr) return;
    trace_->main().begin({.stage = trace_->stage(), .range = {}});
    trace_->main().add(ended);
  }
  /// @see PhaseClock::take
  PhaseTimes take() {
    enter(clock_.phase());
    return clock_.take();
  }
  /// What begins now is not the work of the phase under way, which goes on after resume().
  void wait() {
    interrupted_ = clock_.phase();
    enter(Phase::waiting);
  }
  void resume() { enter(interrupted_); }

  /// Its phases are events from now on. @param trace  nullptr: no longer.
  void show_on(Trace* trace) { trace_ = trace; }

 private:
  PhaseClock clock_;
  Trace* trace_ = nullptr;
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
