// The clock of a worker thread: what it does with its strips.
#pragma once

#include "engine/phase_clock.hpp"
#include "engine/strips.hpp"

namespace stockpot::engine {

/// Of one worker, and of its thread alone while tasks run.
class StripClock {
 public:
  explicit StripClock(PhaseClock::Now now = &PhaseClock::Clock::now) : clock_(Phase::idle, now) {}

  /// The worker begins with a strip: it reads.
  void begin(const Strip&) { enter(Phase::read); }
  void enter(Phase next) { clock_.enter(next); }
  /// @see PhaseClock::take
  PhaseTimes take() { return clock_.take(); }

 private:
  PhaseClock clock_;
};

}  // namespace stockpot::engine
