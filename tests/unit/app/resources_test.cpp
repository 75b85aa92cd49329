// On a root directory of our own: what /proc and /sys say there is what the machine has.
#include "app/resources.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "app/shared_options.hpp"
#include "core/error.hpp"

namespace stockpot::app {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t gib = std::uint64_t{1} << 30;

class Resources : public testing::Test {
 protected:
  Resources() {
    std::string place = fs::temp_directory_path() / "stockpot-resources-XXXXXX";
    machine.root = ::mkdtemp(place.data());
    machine.variable = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
    write("proc/meminfo", "MemTotal:       104857600 kB\nMemFree: 1 kB\n");  // 100 GiB
    write("proc/self/cgroup", "");
  }
  ~Resources() override { fs::remove_all(machine.root); }

  void write(const fs::path& path, const std::string& text) {
    const fs::path whole = fs::path(machine.root) / path;
    fs::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }
  std::uint64_t memory(std::uint64_t ranks = 1) { return default_memory(machine, ranks).value; }
  std::uint64_t threads(std::uint64_t ranks = 1) { return default_threads(machine, {ranks, 16 / ranks, 16}).value; }

  Machine machine;
  std::map<std::string, std::string> variables;
};

TEST_F(Resources, MemoryIsFourFifthsOfTheMachine) {
  EXPECT_EQ(memory(), 80 * gib);
  EXPECT_EQ(default_memory(machine, 1).origin, "physical memory");
}

TEST_F(Resources, RanksOfAMachineShareItsMemory) { EXPECT_EQ(memory(4), 20 * gib); }

TEST_F(Resources, LimitOfAnOuterCgroupHolds) {
  write("proc/self/cgroup", "0::/slurm/job_7/step_0\n");
  write("sys/fs/cgroup/slurm/job_7/step_0/memory.max", "max\n");
  write("sys/fs/cgroup/slurm/job_7/memory.max", std::to_string(10 * gib) + "\n");
  EXPECT_EQ(memory(), 8 * gib);
  EXPECT_EQ(default_memory(machine, 1).origin, "memory limit of the cgroup");
}

TEST_F(Resources, CgroupOfVersionOneCounts) {
  write("proc/self/cgroup", "12:pids:/x\n4:cpu,cpuacct:/y\n3:memory:/slurm/job\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/memory/slurm/job/memory.limit_in_bytes", std::to_string(5 * gib) + "\n");
  EXPECT_EQ(memory(), 4 * gib);
}

TEST_F(Resources, ContainerThatSeesItsCgroupAsTheRootCounts) {
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/memory.max", std::to_string(5 * gib));
  EXPECT_EQ(memory(), 4 * gib);
}

TEST_F(Resources, SlurmsMemoryIsInMebibytesAndZeroMeansTheWholeNode) {
  variables["SLURM_MEM_PER_NODE"] = "51200";
  EXPECT_EQ(memory(), 40 * gib);
  variables["SLURM_MEM_PER_NODE"] = "0";
  EXPECT_EQ(memory(), 80 * gib);
}

TEST_F(Resources, SlurmsMemoryOfACpuCountsForAllCpusOfTheJobOnTheMachine) {
  variables["SLURM_MEM_PER_CPU"] = "2560";
  EXPECT_EQ(memory(), 80 * gib) << "of how many CPUs is not known";
  variables["SLURM_CPUS_ON_NODE"] = "8";
  EXPECT_EQ(memory(), 16 * gib);
  EXPECT_EQ(memory(4), 4 * gib);
}

TEST_F(Resources, MachineThatSaysNothingAsksForTheOption) {
  fs::remove(fs::path(machine.root) / "proc/meminfo");
  EXPECT_THROW(memory(), Error);
}

TEST_F(Resources, ARankHasAThreadForEachOfItsCpus) { EXPECT_EQ(threads(2), 8u); }

TEST_F(Resources, SlurmBeatsTheMaskAndOpenMpBeatsSlurm) {
  variables["SLURM_CPUS_PER_TASK"] = "8";
  EXPECT_EQ(threads(4), 8u);
  variables["OMP_NUM_THREADS"] = "3";
  EXPECT_EQ(threads(4), 3u);
  EXPECT_EQ(default_threads(machine, {}).origin, "OMP_NUM_THREADS");
  variables["OMP_NUM_THREADS"] = "4294967296";
  EXPECT_EQ(default_threads(machine, {}).value, most_threads);
  variables["OMP_NUM_THREADS"] = "zero";
  EXPECT_EQ(threads(4), 8u);
}

TEST_F(Resources, CpuQuotaOfACgroupIsRoundedUpAndShared) {
  write("proc/self/cgroup", "0::/box\n");
  write("sys/fs/cgroup/box/cpu.max", "350000 100000\n");
  EXPECT_EQ(threads(1), 4u);
  EXPECT_EQ(threads(2), 2u);
  EXPECT_EQ(threads(8), 1u);
}

TEST_F(Resources, CpuQuotaOfVersionOneCountsAndMinusOneIsNone) {
  write("proc/self/cgroup", "4:cpu,cpuacct:/box\n");
  write("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "200000\n");
  write("sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(threads(), 2u);
  write("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(threads(), 16u);
}

TEST(Machine, ThisOneHasProcessorsAndMemory) {
  const Machine machine = Machine::current();
  EXPECT_GE(default_threads(machine, equal_share(1)).value, 1u);
  EXPECT_GT(default_memory(machine, 1).value, std::uint64_t{1} << 20);
}

}  // namespace
}  // namespace stockpot::app
