#include "io/pending_calls.hpp"

#include <gmock/gmock.h>

#include <latch>
#include <thread>

namespace stockpot::io {
namespace {

TEST(PendingCalls, TheLongestIsSeenFromAnyThread) {
  EXPECT_FALSE(longest_pending_call());
  std::latch begun(1), seen(1);
  std::thread other([&] {
    const std::string path = "/slow/file";
    const PendingCall call("write", path, 42);
    begun.count_down();
    seen.wait();
  });
  begun.wait();
  const std::string path = "/fast/file";
  {
    const PendingCall mine("read", path, 0);
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

}  // namespace
}  // namespace stockpot::io
