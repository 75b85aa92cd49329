// What a rank has of its machine, which it shares with others.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "comm/communicator.hpp"

namespace stockpot::app {

/// Processors that a process may run on, as the system says it: processor c is bit c % 8 of byte c / 8.
using CpuMask = std::string;

CpuMask mask_of_this_process();

struct MachineShare {
  std::uint64_t ranks = 1;     ///< of the job on this machine
  std::uint64_t cpus = 1;      ///< of this rank, at least 1; what several ranks may run on, they have in equal parts
  std::uint64_t all_cpus = 1;  ///< that any of the ranks may run on
};

/// @param all  masks of all ranks of the machine, `mine` among them.
MachineShare share_of(const CpuMask& mine, std::span<const CpuMask> all);
/// Of ranks of which each may run where this process may.
MachineShare equal_share(std::uint64_t ranks);
/// Collective.
MachineShare share_of_this_rank(const comm::Communicator& comm);

/// A warning if the ranks of this machine have more threads than processors; empty if not.
std::string crowd_on(const MachineShare& share, std::uint64_t threads);

}  // namespace stockpot::app
