#include "app/machine_share.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <vector>

#include "comm/host_name.hpp"

namespace stockpot::app {
namespace {

constexpr std::size_t bits = 8;

bool has(const CpuMask& mask, std::size_t cpu) {
  return cpu / bits < mask.size() && (static_cast<unsigned char>(mask[cpu / bits]) >> cpu % bits & 1) != 0;
}

/// Where the system does not tell: all that there are.
CpuMask whole_machine() {
  const auto cpus = static_cast<std::size_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  CpuMask mask((cpus + bits - 1) / bits, '\0');
  for (std::size_t cpu = 0; cpu < cpus; ++cpu) mask[cpu / bits] = static_cast<char>(mask[cpu / bits] | 1 << cpu % bits);
  return mask;
}

}  // namespace

CpuMask mask_of_this_process() {
  constexpr std::size_t most_words = 4096;
  // The system refuses less room than it has processors, EINVAL; on machines of more than 1,024 that is more than a cpu_set_t.
  for (std::size_t words = sizeof(cpu_set_t) / sizeof(unsigned long); words <= most_words; words *= 2) {
    std::vector<unsigned long> mask(words);
    const std::size_t bytes = words * sizeof(unsigned long);
    if (::sched_getaffinity(0, bytes, reinterpret_cast<cpu_set_t*>(mask.data())) == 0) {
      return {reinterpret_cast<const char*>(mask.data()), bytes};
    }
    if (errno != EINVAL) break;
  }
  return whole_machine();
}

MachineShare share_of(const CpuMask& mine, std::span<const CpuMask> all) {
  constexpr double rounding = 1e-9;
  MachineShare share{all.size(), 1, 0};
  double cpus = rounding;
  const std::size_t bytes = std::ranges::max(all, {}, &CpuMask::size).size();
  for (std::size_t cpu = 0; cpu < bytes * bits; ++cpu) {
    const auto users = std::ranges::count_if(all, [&](const CpuMask& mask) { return has(mask, cpu); });
    if (users > 0) ++share.all_cpus;
    if (has(mine, cpu)) cpus += 1.0 / static_cast<double>(users);
  }
  share.cpus = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(cpus));
  return share;
}

MachineShare equal_share(std::uint64_t ranks) {
  const CpuMask mine = mask_of_this_process();
  const std::uint64_t cpus = share_of(mine, {&mine, 1}).cpus;
  return {ranks, std::max<std::uint64_t>(1, cpus / ranks), cpus};
}

MachineShare share_of_this_rank(const comm::Communicator& comm) {
  const CpuMask mine = mask_of_this_process();
  return share_of(mine, comm.all_gather_on_this_machine(mine));
}

std::string crowd_on(const MachineShare& share, std::uint64_t threads) {
  if (share.ranks * threads <= share.all_cpus) return "";
  return fmt::format(
      "{} rank{} of {} thread{} on {} may run on {} CPU{}: give fewer --threads, or let the launcher bind ranks to as "
      "many CPUs as they have threads, or to none (mpirun --bind-to none)",
      share.ranks, share.ranks == 1 ? "" : "s", threads, threads == 1 ? "" : "s", comm::host_name(), share.all_cpus,
      share.all_cpus == 1 ? "" : "s");
}

}  // namespace stockpot::app
