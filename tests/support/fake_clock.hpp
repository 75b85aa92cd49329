// A clock that stands still until it is moved, so that times in tests are exact.
#pragma once

#include <chrono>

namespace stockpot::test {

/// For PhaseClock::Now. One for the whole program: tests begin where others left it.
struct FakeClock {
  using Clock = std::chrono::steady_clock;
  static inline Clock::time_point time{std::chrono::hours(1)};
  static Clock::time_point now() { return time; }
  static void pass(std::chrono::milliseconds passed) { time += passed; }
};

}  // namespace stockpot::test
