// How much of this machine a rank may use: processors and memory, as the job's limits say.
#pragma once

#include <cstdint>
#include <string>

#include "app/environment.hpp"
#include "app/machine_share.hpp"

namespace stockpot::app {

/// Where the facts come from. A test makes its own.
struct Machine {
  std::string root = "/";  ///< prefix of /proc and /sys
  Variables variable;      ///< the environment

  static Machine current();
};

/// A number and where it comes from, for the plan's table of effective settings.
struct Resource {
  std::uint64_t value = 0;
  std::string origin;
};

/// Worker threads of a rank: OMP_NUM_THREADS, else SLURM_CPUS_PER_TASK, else its share of the CPUs of the affinity masks, at most
/// an equal part of the cgroup's quota. At least 1.
Resource default_threads(const Machine& machine, const MachineShare& share);

/// Bytes of a rank's memory pool: 0.8 of the least of physical memory, cgroup limit and what Slurm gives on the machine, shared
/// among its ranks.
Resource default_memory(const Machine& machine, std::uint64_t ranks_on_machine);

}  // namespace stockpot::app
