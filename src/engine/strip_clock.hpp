// The clock of a worker thread: what it does with its strips.
#pragma once

#include "engine/phase_clock.hpp"
#include "engine/strips.hpp"
#include "engine/trace.hpp"

namespace stockpot::engine {

/// Of one worker, and of its thread alone while tasks run.
class StripClock {
 public:
  explicit StripClock(PhaseClock::Now now = &PhaseClock::Clock::now) : clock_(Phase::idle, now) {}

  /// The worker begins with a strip: it reads.
  void begin(const Strip& strip) {
    enter(Phase::read);
    show(strip);
  }
  /// What it does from now on is done with a strip that was read along with another one.
  void show(const Strip& strip) {
    if (trace_ != nullptr) lane_->begin({trace_->stage(), strip.tensor, strip.range});
  }
  void enter(Phase next) {
    const PhaseClock::Span ended = clock_.enter(next);
    if (trace_ == nullptr) return;
    if (ended.phase != Phase::idle) lane_->add(ended);
    if (next == Phase::conclude) lane_->begin({.stage = trace_->stage(), .range = {}});  // of no strip
  }
  /// @see PhaseClock::take
  PhaseTimes take() { return clock_.take(); }

  /// Its phases but `idle` are events from now on. @param trace  outlives the clock.   @param worker  whose clock it is.
  void show_on(Trace& trace, std::size_t worker) {
    trace_ = &trace;
    lane_ = &trace.worker(worker);
  }

 private:
  PhaseClock clock_;
  const Trace* trace_ = nullptr;
  TraceLane* lane_ = nullptr;
};

}  // namespace stockpot::engine
