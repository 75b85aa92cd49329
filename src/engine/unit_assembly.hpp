// Strips become units: a unit is done when its last strip is written, whoever wrote which.
#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "engine/journal_keeper.hpp"
#include "engine/strips.hpp"
#include "engine/tensor_digests.hpp"

namespace stockpot::engine {

class UnitAssembly {
 public:
  /// All must outlive it.
  UnitAssembly(const plan::MergePlan& plan, TensorDigests& digests, JournalKeeper& journal, StopFlag& stop)
      : plan_(plan), digests_(digests), journal_(journal), stop_(stop) {}

  /// Worker threads, before a strip is merged. @return false if it is not to be: somebody wants the program to stop, and
  /// its unit has not begun.
  bool may_begin(const Strip& strip);
  /// Worker threads, when the sink has taken a strip. @param run  the digests of its blocks.
  void written(const Strip& strip, const io::DigestTree& run);

  std::uint64_t units_done() const;
  /// Of the unit that took longest from its first strip to its last.
  std::chrono::duration<double> slowest_unit() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Open {
    std::size_t strips_left = 0;
    io::DigestTree digests;
    Clock::time_point begun;
  };
  const plan::MergePlan& plan_;
  TensorDigests& digests_;
  JournalKeeper& journal_;
  StopFlag& stop_;
  mutable std::mutex mutex_;
  std::unordered_map<std::uint32_t, Open> open_;
  Clock::duration slowest_{};
  std::uint64_t units_done_ = 0;
};

}  // namespace stockpot::engine
