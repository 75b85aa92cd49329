// --trace: what every thread did and when, for a timeline. A sample of bounded size: each thread keeps the events of every strip,
// then of every second one, every fourth ..., so that what it has is spread over the whole run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "core/range.hpp"
#include "engine/phase_clock.hpp"
#include "engine/stage.hpp"

namespace stockpot::engine {

/// The events of one thread, and of that thread alone while it runs.
class TraceLane {
 public:
  static constexpr std::uint32_t no_tensor = std::numeric_limits<std::uint32_t>::max();
  /// What a thread is at.
  struct Subject {
    std::uint32_t stage = 0;  ///< of the job
    std::uint32_t tensor = no_tensor;
    ElementRange range;
  };
  struct Event {
    std::uint64_t group = 0;
    Subject subject;
    PhaseClock::Span span;
  };

  explicit TraceLane(std::size_t most_events) : most_(most_events) {}

  /// Events from now on are of `subject`. They stay or go together.
  void begin(const Subject& subject);
  void add(const PhaseClock::Span& span);

  const std::vector<Event>& events() const { return events_; }
  /// Groups that were begun, of which one stays.
  std::uint64_t stride() const { return stride_; }

 private:
  bool is_sampled() const { return group_ % stride_ == 0; }
  std::size_t most_;
  std::vector<Event> events_;
  Subject subject_;
  std::uint64_t group_ = 0, groups_ = 0, stride_ = 1;
};

/// The lanes of one rank. They stay where they are.
class Trace {
 public:
  using Clock = PhaseClock::Clock;
  static constexpr std::size_t most_events = 100'000;  ///< of all ranks together

  /// Collective: ranks agree on a moment, for the clocks of machines differ. @param threads  most workers of a rank.
  Trace(const comm::Communicator& comm, std::size_t threads);

  TraceLane& main() { return lanes_.front(); }
  TraceLane& worker(std::size_t w) { return lanes_.at(w + 1); }
  const std::deque<TraceLane>& lanes() const { return lanes_; }

  /// Main thread, while no worker works. @param stage  of the job, by number.
  void begin_stage(std::size_t stage) { stage_ = static_cast<std::uint32_t>(stage); }
  std::uint32_t stage() const { return stage_; }
  Clock::time_point agreed() const { return agreed_; }

 private:
  std::deque<TraceLane> lanes_;
  std::uint32_t stage_ = 0;
  Clock::time_point agreed_;
};

/// Collective. The events of all ranks as the text of a trace file, on rank 0; empty elsewhere.
/// @param stages  of the job.
std::string trace_text(const comm::Communicator& comm, const Trace& trace, const std::vector<Stage>& stages);

}  // namespace stockpot::engine
