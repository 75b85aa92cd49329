#ifdef STOCKPOT_FAULTS
#include "io/faults/fault_rules.hpp"

#include <gmock/gmock.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "io/faults/throttle.hpp"
#include "support/error_of.hpp"

namespace stockpot::io::faults {
namespace {

const Call write_y{"pwrite", "/x/y"};
const Call read_y{"pread", "/x/y", false};

TEST(FaultRules, HitTheNthCallOfTheirName) {
  FaultRules rules("pwrite:nth=2:ENOSPC", 0);
  EXPECT_FALSE(rules.hit(write_y));
  EXPECT_FALSE(rules.hit(read_y));
  const auto fault = rules.hit(write_y);
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->error_number, ENOSPC);
  EXPECT_FALSE(rules.hit(write_y));
}

TEST(FaultRules, BelongToARankAndAPath) {
  EXPECT_FALSE(FaultRules("any:rank=1:kill", 0).hit(write_y));
  EXPECT_TRUE(FaultRules("any:rank=1:kill", 1).hit(write_y));
  EXPECT_FALSE(FaultRules("any:path=z:kill", 0).hit(write_y));
  EXPECT_TRUE(FaultRules("any:path=/y:kill", 0).hit(write_y));
}

TEST(FaultRules, ChangeMeansCallsThatChangeSomething) {
  FaultRules rules("change:times=0:EIO", 0);
  EXPECT_FALSE(rules.hit(read_y));
  EXPECT_TRUE(rules.hit(write_y));
  EXPECT_TRUE(rules.hit(write_y));
}

TEST(FaultRules, SeveralCountEachForItself) {
  FaultRules rules("trace=/tmp/t; pwrite:nth=1:EIO; any:nth=2:kill", 0);
  EXPECT_EQ(rules.trace_file(), "/tmp/t");
  EXPECT_EQ(rules.hit(write_y)->effect, Effect::fail);
  EXPECT_EQ(rules.hit(read_y)->effect, Effect::kill_before);
}

TEST(FaultRules, NonsenseIsAnError) {
  for (const char* text : {"pwrite", "pwrite:often", "pwrite:nth=x:EIO", "pwrite:rank:EIO"}) {
    EXPECT_EQ(test::error_of([&] { FaultRules(text, 0); }).kind(), ErrorKind::usage) << text;
  }
}

TEST(FaultRules, ARateIsASize) {
  EXPECT_EQ(FaultRules("pwrite:nth=1:EIO; rate=3MB", 0).rate(), 3'000'000u);
  EXPECT_EQ(FaultRules("pwrite:nth=1:EIO", 0).rate(), 0u);
  EXPECT_THROW(FaultRules("rate=fast", 0), Error);
  EXPECT_THROW(FaultRules("rate=0", 0), Error);
}

TEST(Throttle, TransfersOfAllThreadsShareTheLink) {
  Throttle link(1'000'000);
  const auto start = std::chrono::steady_clock::now();
  std::thread other([&] { link.pass(20'000); });
  link.pass(20'000);
  other.join();
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(40));
}

}  // namespace
}  // namespace stockpot::io::faults
#endif
