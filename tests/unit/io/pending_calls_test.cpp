#include "io/pending_calls.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <latch>
#include <thread>

namespace stockpot::io {
namespace {

TEST(PendingCalls, TheLongestIsSeenFromAnyThread) {
  EXPECT_FALSE(longest_pending_call());
  std::latch begun(1), seen(1);
  std::thread other([&] {
    const std::string path = "/slow/file";
    const PendingCall call(Transfer::write, path, 42);
    begun.count_down();
    seen.wait();
  });
  begun.wait();
  const std::string path = "/fast/file";
  {
    const PendingCall mine(Transfer::read, path, 0);
    const auto longest = longest_pending_call();
    ASSERT_TRUE(longest);
    EXPECT_EQ(longest->what, "write");
    EXPECT_EQ(longest->path, "/slow/file");
    EXPECT_EQ(longest->offset, 42u);
  }
  seen.count_down();
  other.join();
  EXPECT_FALSE(longest_pending_call());
}

TEST(PendingCalls, AreCountedByKindAlsoOfThreadsThatAreGone) {
  take_transfer_totals();
  const std::string quick = "/quick/file", slow = "/slow/file";
  std::thread other([&] {
    const PendingCall call(Transfer::read, slow, 42);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  other.join();
  { const PendingCall call(Transfer::read, quick, 7); }
  { const PendingCall call(Transfer::sync, quick, 0); }
  const auto totals = take_transfer_totals();
  const auto& reads = totals[static_cast<std::size_t>(Transfer::read)];
  EXPECT_EQ(reads.calls, 2u);
  EXPECT_GE(reads.seconds, reads.slowest_seconds);
  EXPECT_GE(reads.slowest_seconds, 0.02);
  EXPECT_EQ(reads.slowest_path, slow);
  EXPECT_EQ(reads.slowest_offset, 42u);
  EXPECT_EQ(totals[static_cast<std::size_t>(Transfer::write)].calls, 0u);
  EXPECT_EQ(totals[static_cast<std::size_t>(Transfer::sync)].calls, 1u);
  EXPECT_EQ(take_transfer_totals()[0].calls, 0u) << "taken";
}

}  // namespace
}  // namespace stockpot::io
