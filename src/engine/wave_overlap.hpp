// Which bundles of the next wave may be observed while one wave is merged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace stockpot::engine {

/// The memory of two waves' kept bundles, which are the first ones of each, in ascending order.
class WaveOverlap {
 public:
  /// @param begins  of the wave's kept bundles: where their memory begins.   @param bundles  of the wave
  /// @param next_ends  of the next wave's kept bundles: where their memory ends.   @param next_bundles  of the next wave
  WaveOverlap(std::span<const std::uint64_t> begins, std::size_t bundles, std::vector<std::uint64_t> next_ends,
              std::size_t next_bundles)
      : begins_(begins), is_merged_(bundles, 0), next_ends_(std::move(next_ends)), next_bundles_(next_bundles) {}

  /// Worker threads. Bundle i of the wave needs its memory no more.
  void merged(std::size_t i) {
    const std::lock_guard lock(mutex_);
    ++merged_;
    is_merged_[i] = 1;
    while (frontier_ < is_merged_.size() && is_merged_[frontier_] != 0) ++frontier_;
  }

  /// Worker threads. A bundle of the next wave that is the caller's to observe, if there is one yet. As large a part of the
  /// bundles as was merged: reading and writing go on side by side to the end. What is left then is for all workers.
  std::optional<std::size_t> take() {
    const std::lock_guard lock(mutex_);
    if (merged_ == is_merged_.size() || taken_ == next_bundles_) return std::nullopt;
    if (taken_ * is_merged_.size() >= next_bundles_ * merged_ || !has_memory()) return std::nullopt;
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
  std::size_t next_bundles_;
  std::size_t merged_ = 0, taken_ = 0;
  std::size_t frontier_ = 0;  // the first bundle that is not merged
};

}  // namespace stockpot::engine
