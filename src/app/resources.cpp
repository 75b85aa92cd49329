#include "app/resources.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>

#include "app/shared_options.hpp"
#include "core/error.hpp"
#include "core/tensor.hpp"

namespace stockpot::app {
namespace {

namespace fs = std::filesystem;

std::optional<std::uint64_t> leading_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  return result.ec == std::errc() ? std::optional(value) : std::nullopt;
}

std::optional<std::uint64_t> positive(const std::optional<std::string>& text) {
  const auto value = text ? leading_number(*text) : std::nullopt;
  return value && *value > 0 ? value : std::nullopt;
}

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// The group directories of this process for one controller, innermost first. A limit anywhere on the way up holds.
std::vector<fs::path> cgroup_directories(const Machine& machine, std::string_view controller) {
  const fs::path root(machine.root);
  std::ifstream groups(root / "proc/self/cgroup");
  std::vector<fs::path> found;
  for (std::string line; std::getline(groups, line);) {  // "0::/job" (version 2) or "4:cpu,memory:/job" (version 1)
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? first : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = fmt::format(",{},", line.substr(first + 1, second - first - 1));
    const bool unified = controllers == ",,";
    if (!unified && controllers.find(fmt::format(",{},", controller)) == controllers.npos) continue;
    const fs::path mount = root / "sys/fs/cgroup" / (unified ? "" : std::string(controller));
    for (fs::path group = fs::path(line.substr(second + 1)).relative_path();; group = group.parent_path()) {
      found.push_back(mount / group);
      if (group.empty()) break;
    }
  }
  return found;
}

std::optional<std::uint64_t> cgroup_memory(const Machine& machine) {
  std::optional<std::uint64_t> least;
  for (const fs::path& group : cgroup_directories(machine, "memory")) {
    for (const char* file : {"memory.max", "memory.limit_in_bytes"}) {
      const auto limit = leading_number(first_line(group / file));  // "max" is no number
      if (limit) least = std::min(least.value_or(*limit), *limit);
    }
  }
  return least;
}

/// CPUs by quota over period, rounded up.
std::optional<std::uint64_t> cgroup_cpus(const Machine& machine) {
  std::optional<std::uint64_t> least;
  for (const fs::path& group : cgroup_directories(machine, "cpu")) {
    std::istringstream line(first_line(group / "cpu.max") + ' ' + first_line(group / "cpu.cfs_quota_us") + ' ' +
                            first_line(group / "cpu.cfs_period_us"));
    std::string quota, period;
    line >> quota >> period;
    const auto share = leading_number(quota), whole = leading_number(period);  // "max" and "-1" are no numbers
    if (!share || !whole || *whole == 0) continue;
    const std::uint64_t cpus = std::max<std::uint64_t>(1, *share / *whole + (*share % *whole != 0 ? 1 : 0));
    least = std::min(least.value_or(cpus), cpus);
  }
  return least;
}

std::optional<std::uint64_t> physical_memory(const Machine& machine) {
  std::ifstream file(fs::path(machine.root) / "proc/meminfo");
  for (std::string word; file >> word;) {
    std::uint64_t kib = 0;
    if (word == "MemTotal:" && file >> kib) return checked_multiply(kib, 1024);
  }
  return std::nullopt;
}

}  // namespace

Machine Machine::current() {
  Machine machine;
  machine.variable = process_variables();
  return machine;
}

Resource default_threads(const Machine& machine, const MachineShare& share) {
  for (const char* name : {"OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK"}) {
    if (const auto value = positive(machine.variable(name))) return {std::min(*value, most_threads), name};
  }
  Resource cpus{share.cpus, "CPUs of the affinity mask"};
  if (const auto quota = cgroup_cpus(machine); quota && *quota / share.ranks < cpus.value) {
    cpus = {std::max<std::uint64_t>(1, *quota / share.ranks), "CPU quota of the cgroup"};
  }
  return cpus;
}

Resource default_memory(const Machine& machine, std::uint64_t ranks_on_machine) {
  constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
  Resource least{std::numeric_limits<std::uint64_t>::max(), ""};
  const auto consider = [&least](std::optional<std::uint64_t> bytes, const char* origin) {
    if (bytes && *bytes < least.value) least = {*bytes, origin};
  };
  consider(physical_memory(machine), "physical memory");
  consider(cgroup_memory(machine), "memory limit of the cgroup");
  if (const auto mib = positive(machine.variable("SLURM_MEM_PER_NODE"))) {  // 0 means the whole node
    consider(checked_multiply(*mib, mebibyte), "SLURM_MEM_PER_NODE");
  }
  const auto mib_of_cpu = positive(machine.variable("SLURM_MEM_PER_CPU"));
  const auto cpus = positive(machine.variable("SLURM_CPUS_ON_NODE"));
  if (const auto mib = mib_of_cpu && cpus ? checked_multiply(*mib_of_cpu, *cpus) : std::nullopt) {
    consider(checked_multiply(*mib, mebibyte), "SLURM_MEM_PER_CPU");
  }
  if (least.origin.empty()) {
    throw Error(ErrorKind::recipe, "cannot tell how much memory this machine has").hint("give --memory-per-rank");
  }
  least.value = least.value / 5 * 4 / std::max<std::uint64_t>(1, ranks_on_machine);
  return least;
}

}  // namespace stockpot::app
