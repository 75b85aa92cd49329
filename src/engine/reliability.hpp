// What a user can choose about going on, committing and stopping.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace stockpot::engine {

enum class Resume {
  automatic,  ///< go on with what is staged, if it is of the same plan
  never,      ///< throw away what is staged
};
enum class ResumeCheck { none, sample, all };

struct ReliabilityOptions {
  Resume resume = Resume::automatic;
  ResumeCheck resume_check = ResumeCheck::sample;
  std::string break_lock = {};                      ///< token of a holder that the user knows to be gone
  std::chrono::milliseconds journal_every{10'000};  ///< 0: after each unit
  std::uint64_t journal_bytes = std::uint64_t{1} << 30;
  bool in_place = false;  ///< --commit=marker
  bool readback = false;  ///< compare with the manifest before publication
  /// When the job has to be over; work stops so much earlier that what is in flight can be committed, at least `reserve`.
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  std::chrono::seconds reserve{30};
  std::chrono::seconds stall_timeout{0};  ///< for one transfer; 0: for ever
};

enum class Stop : int {
  none,
  after_units,  ///< start no unit, finish those in flight
  now,          ///< start no strip
};

/// Set by the main thread, read by workers.
class StopFlag {
 public:
  void raise(Stop level) {
    if (level > this->level()) level_ = level;
  }
  /// The same, for want of time.
  void raise_for_deadline() {
    for_deadline_ = level() == Stop::none;
    raise(Stop::after_units);
  }
  bool is_for_deadline() const { return for_deadline_; }
  Stop level() const { return level_.load(std::memory_order_relaxed); }
  /// A worker left something undone because of it.
  void skipped() { skipped_ = true; }
  bool has_skipped() const { return skipped_; }

 private:
  std::atomic<Stop> level_ = Stop::none;
  std::atomic<bool> skipped_ = false;
  bool for_deadline_ = false;  // main thread only
};

}  // namespace stockpot::engine
