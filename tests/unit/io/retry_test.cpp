#include "io/retry.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace stockpot::io {
namespace {

constexpr Patience quick{.first_pause = std::chrono::milliseconds(0), .retries = 5};

/// A call that fails so many times with an errno, then gives 42. Counts how often it was called.
struct Flaky {
  int error_number;
  int failures;
  int calls = 0;
  int operator()() {
    ++calls;
    if (calls > failures) return 42;
    errno = error_number;
    return -1;
  }
};

TEST(Retry, AFailureThatPassesIsNoFailure) {
  Flaky call{EIO, 5};
  const std::uint64_t before = calls_repeated;
  EXPECT_EQ(retried({EIO, ESTALE}, quick, std::ref(call)), 42);
  EXPECT_EQ(call.calls, 6);
  EXPECT_EQ(calls_repeated - before, 5u);
}

TEST(Retry, AFailureThatStaysIsReportedWithItsErrno) {
  Flaky call{ESTALE, 100};
  EXPECT_EQ(retried({EIO, ESTALE}, quick, std::ref(call)), -1);
  EXPECT_EQ(errno, ESTALE);
  EXPECT_EQ(call.calls, 6);
}

TEST(Retry, AFailureThatNoPauseCuresIsNotTriedAgain) {
  Flaky call{ENOSPC, 100};
  EXPECT_EQ(retried({EIO}, quick, std::ref(call)), -1);
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_EQ(call.calls, 1);
}

TEST(Retry, InterruptionsAreNotCounted) {
  Flaky call{EINTR, 1000};
  EXPECT_EQ(retried({}, quick, std::ref(call)), 42);
}

TEST(Retry, PausesDouble) {
  Flaky call{EIO, 100};
  const auto start = std::chrono::steady_clock::now();
  retried({EIO}, {.first_pause = std::chrono::milliseconds(2), .retries = 3}, std::ref(call));
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(2 + 4 + 8));
}

}  // namespace
}  // namespace stockpot::io
