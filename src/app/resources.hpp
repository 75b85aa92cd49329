// How much of this machine a rank may use: processors and memory, as the job's limits say.
#pragma once

#include <cstdint>
#include <string>

#include "app/environment.hpp"

namespace stockpot::app {

/// Where the facts come from. A test makes its own.
struct Machine {
  std::string root = "/";           ///< prefix of /proc and /sys
  Variables variable;               ///< the environment
  std::uint64_t affinity_cpus = 1;  ///< CPUs that this process may run on
  std::uint64_t online_cpus = 1;

  static Machine current();
};

/// A number and where it comes from, for the plan's table of effective settings.
struct Resource {
  std::uint64_t value = 0;
  std::string origin;
};

/// Worker threads of a rank: OMP_NUM_THREADS, else SLURM_CPUS_PER_TASK, else the CPUs of the affinity mask, at most
/// those of the cgroup's quota. CPUs of a mask that binds nothing are shared among the ranks of the machine. At
/// least 1.
Resource default_threads(const Machine& machine, std::uint64_t ranks_on_machine);

/// Bytes of a rank's memory pool: 0.8 of the least of physical memory, cgroup limit and SLURM_MEM_PER_NODE, shared
/// among the ranks of the machine.
Resource default_memory(const Machine& machine, std::uint64_t ranks_on_machine);

}  // namespace stockpot::app
