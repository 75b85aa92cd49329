// What ranks settle together before they merge: their options may be the same, their machines are not.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/machine_share.hpp"
#include "app/shared_options.hpp"
#include "comm/communicator.hpp"
#include "plan/schedule.hpp"

namespace stockpot::app {

/// Collective. Ranks must make the same schedule: the least of what they have counts.
plan::ScheduleOptions common_resources(const comm::Communicator& comm, const MergeOptions& options,
                                       const recipe::Extensions& extensions, const MachineShare& share);

/// Collective. On all ranks, the warning of the first that is on a machine with more threads than processors, if there is one.
std::vector<std::string> first_crowd(const comm::Communicator& comm, const MachineShare& share, std::uint64_t threads);

/// Collective. By rank 0's clock, for all: the clocks of machines differ.
std::optional<std::chrono::steady_clock::time_point> common_deadline(const comm::Communicator& comm,
                                                                     const MergeOptions& options);

}  // namespace stockpot::app
