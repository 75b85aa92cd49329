#ifdef STOCKPOT_FAULTS
#include "io/faults/fault_rules.hpp"

#include <gmock/gmock.h>

#include <cerrno>

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

}  // namespace
}  // namespace stockpot::io::faults
#endif
