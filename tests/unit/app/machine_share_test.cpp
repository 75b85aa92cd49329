#include "app/machine_share.hpp"

#include <gmock/gmock.h>

#include <vector>

namespace stockpot::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Processors 0 to 7, one letter each from the right.
CpuMask mask(const std::string& bits) { return {static_cast<char>(std::stoi(bits, nullptr, 2))}; }

std::vector<std::uint64_t> cpus_of(const std::vector<CpuMask>& all) {
  std::vector<std::uint64_t> cpus;
  for (const CpuMask& mine : all) cpus.push_back(share_of(mine, all).cpus);
  return cpus;
}

TEST(MachineShare, RanksThatAreBoundHaveWhatTheyAreBoundTo) {
  EXPECT_THAT(cpus_of({mask("00001111"), mask("01110000")}), testing::ElementsAre(4, 3));
}

TEST(MachineShare, RanksThatMayRunOnTheSameCpusShareThemAlsoWhereTheseAreNotTheWholeMachine) {
  EXPECT_THAT(cpus_of({mask("111111"), mask("111111"), mask("111111")}), testing::Each(2));
  EXPECT_THAT(cpus_of({mask("11"), mask("11"), mask("11")}), testing::Each(1));
}

TEST(MachineShare, CpusThatSomeShareAreDivided) {
  EXPECT_THAT(cpus_of({mask("00001111"), mask("11111100")}), testing::ElementsAre(3, 5));
}

TEST(MachineShare, MasksOfDifferentLengthAreCompared) {
  EXPECT_THAT(cpus_of({mask("1"), mask("1") + mask("11")}), testing::ElementsAre(1, 2));
}

TEST(MachineShare, MoreThreadsThanCpusAreACrowd) {
  const std::vector<CpuMask> bound{mask("01"), mask("10")};
  const MachineShare share = share_of(bound[0], bound);
  EXPECT_EQ(crowd_on(share, 1), "");
  EXPECT_THAT(crowd_on(share, 8),
              AllOf(HasSubstr("2 ranks of 8 threads"), HasSubstr("2 CPUs"), HasSubstr("--bind-to")));
}

TEST(MachineShare, ThisProcessMayRunSomewhere) {
  const CpuMask mine = mask_of_this_process();
  EXPECT_EQ(equal_share(1).cpus, share_of(mine, std::vector{mine}).cpus);
  EXPECT_EQ(equal_share(1'000'000).cpus, 1u);
}

}  // namespace
}  // namespace stockpot::app
