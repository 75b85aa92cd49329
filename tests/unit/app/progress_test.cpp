#include "app/progress.hpp"

#include <gmock/gmock.h>

#include <thread>

namespace stockpot::app {
namespace {

using testing::HasSubstr;

TEST(ProgressLines, AreOfTheMergesUnderWay) {
  using Clock = std::chrono::steady_clock;
  testing::internal::CaptureStderr();
  ProgressLines lines(1, 2);
  lines.show(
      {.begin = Clock::now() - std::chrono::seconds(10), .bytes_done = 4'000'000'000, .bytes_planned = 8'000'000'000});
  const auto later = Clock::now();
  std::this_thread::sleep_for(std::chrono::milliseconds(1010));
  lines.show({.begin = later, .bytes_done = 2'000'000'000, .bytes_planned = 8'000'000'000});
  const std::string shown = testing::internal::GetCapturedStderr();
  EXPECT_THAT(shown, HasSubstr("10 s elapsed, 50.0 % done, 0.40 GB/s per rank (2 ranks), 10 s to go\n"));
  EXPECT_THAT(shown, HasSubstr("\n1 s elapsed, 25.0 % done, "));
  EXPECT_THAT(shown, HasSubstr(" (2 ranks), 3 s to go\n"));
}

}  // namespace
}  // namespace stockpot::app
