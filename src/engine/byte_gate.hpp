// Lets several threads use memory that is enough for some of them at a time.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace stockpot::engine {

/// A number of bytes that threads take and give back. Threads wait until theirs are free.
class ByteGate {
 public:
  explicit ByteGate(std::uint64_t bytes) : free_(bytes), all_(bytes) {}

  /// Bytes that are held until this goes.
  class Hold {
   public:
    Hold(ByteGate& gate, std::uint64_t bytes) : gate_(gate), bytes_(bytes) {}
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold() { gate_.give_back(bytes_); }

   private:
    ByteGate& gate_;
    std::uint64_t bytes_;
  };

  /// Waits until so many bytes are free. More than there are at all count as all: their owner then works alone.
  Hold hold(std::uint64_t bytes) {
    const std::uint64_t wanted = std::min(bytes, all_);
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [&] { return wanted <= free_; });
    free_ -= wanted;
    return {*this, wanted};
  }

 private:
  void give_back(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    free_ += bytes;
    freed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable freed_;
  std::uint64_t free_;
  std::uint64_t all_;
};

}  // namespace stockpot::engine
