#include "io/pending_calls.hpp"

#include <chrono>
#include <list>
#include <mutex>
#include <utility>

namespace stockpot::io {
namespace {

using Clock = std::chrono::steady_clock;
using Totals = std::array<TransferTotals, num_transfers>;

/// One of each thread. Its lock is its thread's alone but for a glance now and then.
struct Slot {
  std::mutex mutex;
  const std::string* path = nullptr;  // nullptr: nothing under way
  Transfer what = Transfer::read;
  std::uint64_t offset = 0;
  Clock::time_point begun;
  Totals totals;
};

struct AllSlots {
  std::mutex mutex;
  std::list<Slot*> slots;
  Totals of_ended_threads;
};

AllSlots& all_slots() {
  static AllSlots all;
  return all;
}

void add(Totals& all, const Totals& part) {
  for (std::size_t kind = 0; kind < num_transfers; ++kind) all[kind] += part[kind];
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
    add(all_slots().of_ended_threads, slot_.totals);
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

double seconds_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

const char* word_for(Transfer what) {
  switch (what) {
    case Transfer::read:
      return "read";
    case Transfer::write:
      return "write";
    case Transfer::sync:
      break;
  }
  return "sync";
}

}  // namespace

TransferTotals& TransferTotals::operator+=(const TransferTotals& other) {
  calls += other.calls;
  seconds += other.seconds;
  if (other.slowest_seconds > slowest_seconds) {
    slowest_seconds = other.slowest_seconds;
    slowest_path = other.slowest_path;
    slowest_offset = other.slowest_offset;
  }
  return *this;
}

PendingCall::PendingCall(Transfer what, const std::string& path, std::uint64_t offset) {
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
  const double seconds = seconds_between(slot.begun, Clock::now());
  TransferTotals& totals = slot.totals[static_cast<std::size_t>(slot.what)];
  ++totals.calls;
  totals.seconds += seconds;
  if (seconds > totals.slowest_seconds) {  // seldom, so that the copy costs nothing
    totals.slowest_seconds = seconds;
    totals.slowest_path = *slot.path;
    totals.slowest_offset = slot.offset;
  }
  slot.path = nullptr;
}

std::array<TransferTotals, num_transfers> take_transfer_totals() {
  const std::lock_guard lock(all_slots().mutex);
  Totals all = std::exchange(all_slots().of_ended_threads, {});
  for (Slot* slot : all_slots().slots) {
    const std::lock_guard slot_lock(slot->mutex);
    add(all, std::exchange(slot->totals, {}));
  }
  return all;
}

std::optional<LongestCall> longest_pending_call() {
  const auto now = Clock::now();
  std::optional<LongestCall> longest;
  const std::lock_guard lock(all_slots().mutex);
  for (Slot* slot : all_slots().slots) {
    const std::lock_guard slot_lock(slot->mutex);
    if (slot->path == nullptr) continue;
    const double seconds = seconds_between(slot->begun, now);
    if (!longest || seconds > longest->seconds) {
      longest = LongestCall{word_for(slot->what), *slot->path, slot->offset, seconds};
    }
  }
  return longest;
}

}  // namespace stockpot::io
