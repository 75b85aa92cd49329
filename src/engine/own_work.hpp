// What of a rank's local work has not begun: its own workers take it from the front, other ranks are given it from the back.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "plan/schedule.hpp"

namespace stockpot::engine {

/// Work that one rank hands to another: local waves and direct units of the schedule. Who does it changes no bit.
struct Parcel {
  std::vector<plan::Wave> waves;
  std::vector<std::uint32_t> direct;
  std::size_t units() const;
};

class OwnWork {
 public:
  using Clock = std::chrono::steady_clock;
  /// All must outlive it. What is begun later is measured from now on.
  OwnWork(const plan::MergePlan& plan, const plan::Schedule& schedule, const plan::RankWork& work);

  /// Main thread. The next wave of this rank's own; nullptr: there is none, only direct units are left.
  const plan::Wave* take_wave();
  /// Main thread. The wave that was taken the longest ago is over.
  void wave_is_over() { ++waves_over_; }
  /// Main thread. The one that would be taken next, as things are; nullptr: none.
  const plan::Wave* coming_wave() const { return next_wave_ < end_wave_ ? &work_.local[next_wave_] : nullptr; }
  /// Main thread. How many could be taken.
  std::size_t waves_left() const { return end_wave_ - next_wave_; }
  /// Worker threads, before a strip of the direct unit at `place` of the rank's list. They come in ascending order, or nearly.
  /// @return false if the unit was given away.
  bool may_begin(std::size_t place);

  /// Main thread. About a quarter of what has not begun, from the back. Nothing as long as this rank would be through with all
  /// of it in a second, at the speed that it had so far: it is no straggler.
  std::optional<Parcel> give(Clock::time_point now = Clock::now());
  /// Main thread. Whether all has begun, or was given away.
  bool is_through() const;

 private:
  /// Bytes that are moved for what has not begun.
  std::uint64_t bytes_left() const;
  /// That were moved for what is over, as far as this can be told from what has begun.
  std::uint64_t bytes_over() const;
  bool is_soon_done(std::uint64_t left, Clock::time_point now) const;

  const plan::RankWork& work_;
  std::vector<std::uint64_t> wave_bytes_, direct_bytes_;  // of all before each, and of all
  Clock::time_point began_ = Clock::now();
  std::size_t waves_over_ = 0, next_wave_ = 0, end_wave_;
  mutable std::mutex mutex_;
  std::size_t begun_direct_ = 0, end_direct_;  // units before the first have begun, from the second on are given away
};

}  // namespace stockpot::engine
