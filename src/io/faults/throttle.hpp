// A link to the storage of so many bytes per second, which the transfers of a process share.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <thread>

namespace stockpot::io::faults {

class Throttle {
 public:
  /// @param bytes_per_second  0: no limit.
  explicit Throttle(std::uint64_t bytes_per_second) : rate_(static_cast<double>(bytes_per_second)) {}

  /// Thread safe. Returns when these bytes, and all that asked before, have passed.
  void pass(std::uint64_t bytes) {
    if (rate_ == 0.0) return;
    Clock::time_point done;
    {
      const std::lock_guard lock(mutex_);
      const auto needed = std::chrono::duration<double>(static_cast<double>(bytes) / rate_);
      free_ = std::max(free_, Clock::now()) + std::chrono::duration_cast<Clock::duration>(needed);
      done = free_;
    }
    std::this_thread::sleep_until(done);
  }

 private:
  using Clock = std::chrono::steady_clock;
  double rate_;
  std::mutex mutex_;
  Clock::time_point free_{};
};

}  // namespace stockpot::io::faults
