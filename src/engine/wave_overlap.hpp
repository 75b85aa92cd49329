// Which strips of the next wave may be observed while one wave is merged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace stockpot::engine {

/// The memory of two waves' kept strips, which are the first ones of each, in ascending order.
class WaveOverlap {
 public:
  /// @param begins  of the wave's kept strips: where their memory begins.   @param strips  of the wave
  /// @param next_ends  of the next wave's kept strips: where their memory ends.   @param next_strips  of the next wave
  WaveOverlap(std::span<const std::uint64_t> begins, std::size_t strips, std::vector<std::uint64_t> next_ends,
              std::size_t next_strips)
      : begins_(begins), is_merged_(strips, 0), next_ends_(std::move(next_ends)), next_strips_(next_strips) {}

  /// Worker threads. Strip i of the wave needs its memory no more.
  void merged(std::size_t i) {
    const std::lock_guard lock(mutex_);
    ++merged_;
    is_merged_[i] = 1;
    while (frontier_ < is_merged_.size() && is_merged_[frontier_] != 0) ++frontier_;
  }

  /// Worker threads. A strip of the next wave that is the caller's to observe, if there is one yet. As large a part of the
  /// strips as was merged: reading and writing go on side by side to the end. What is left then is for all workers.
  std::optional<std::size_t> take() {
    const std::lock_guard lock(mutex_);
    if (merged_ == is_merged_.size() || taken_ == next_strips_) return std::nullopt;
    if (taken_ * is_merged_.size() >= next_strips_ * merged_ || !has_memory()) return std::nullopt;
    return taken_++;
  }

  /// How many were taken. @pre no worker runs
  std::size_t taken() const { return taken_; }

 private:
  bool has_memory() const {
    return taken_ >= next_ends_.size() || frontier_ >= begins_.size() || next_ends_[taken_] <= begins_[frontier_];
  }

  std::span<const std::uint64_t> begins_;
  std::mutex mutex_;
  std::vector<std::uint8_t> is_merged_;
  std::vector<std::uint64_t> next_ends_;
  std::size_t next_strips_;
  std::size_t merged_ = 0, taken_ = 0;
  std::size_t frontier_ = 0;  // the first strip that is not merged
};

}  // namespace stockpot::engine
