#include "io/pending_calls.hpp"

#include <chrono>
#include <list>
#include <mutex>

namespace stockpot::io {
namespace {

using Clock = std::chrono::steady_clock;

/// One of each thread. Its lock is its thread's alone but for a glance now and then.
struct Slot {
  std::mutex mutex;
  const char* what = nullptr;  // nullptr: nothing under way
  const std::string* path = nullptr;
  std::uint64_t offset = 0;
  Clock::time_point begun;
};

struct AllSlots {
  std::mutex mutex;
  std::list<Slot*> slots;
};

AllSlots& all_slots() {
  static AllSlots all;
  return all;
}

/// Known to all as long as its thread lives.
class OwnSlot {
 public:
  OwnSlot() {
    const std::lock_guard lock(all_slots().mutex);
    all_slots().slots.push_back(&slot_);
  }
  ~OwnSlot() {
    const std::lock_guard lock(all_slots().mutex);
    all_slots().slots.remove(&slot_);
  }
  OwnSlot(const OwnSlot&) = delete;
  OwnSlot& operator=(const OwnSlot&) = delete;
  Slot& operator*() { return slot_; }

 private:
  Slot slot_;
};

Slot& slot_of_this_thread() {
  thread_local OwnSlot own;
  return *own;
}

}  // namespace

PendingCall::PendingCall(const char* what, const std::string& path, std::uint64_t offset) {
  Slot& slot = slot_of_this_thread();
  const std::lock_guard lock(slot.mutex);
  slot.what = what;
  slot.path = &path;
  slot.offset = offset;
  slot.begun = Clock::now();
}

PendingCall::~PendingCall() {
  Slot& slot = slot_of_this_thread();
  const std::lock_guard lock(slot.mutex);
  slot.what = nullptr;
}

std::optional<LongestCall> longest_pending_call() {
  const auto now = Clock::now();
  std::optional<LongestCall> longest;
  const std::lock_guard lock(all_slots().mutex);
  for (Slot* slot : all_slots().slots) {
    const std::lock_guard slot_lock(slot->mutex);
    if (slot->what == nullptr) continue;
    const double seconds = std::chrono::duration<double>(now - slot->begun).count();
    if (!longest || seconds > longest->seconds) longest = LongestCall{slot->what, *slot->path, slot->offset, seconds};
  }
  return longest;
}

}  // namespace stockpot::io
