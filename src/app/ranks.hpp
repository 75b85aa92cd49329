// Commands that run on many ranks: starting MPI where a launcher is, and leaving together.
#pragma once

#include <functional>

#include "app/commands.hpp"
#include "app/environment.hpp"
#include "comm/communicator.hpp"

namespace stockpot::app {

/// True if some launcher started this process. Without one a command is one rank and needs no MPI at all.
bool is_launched(const Variables& variables);

/// Checks the environment (check_variable_names) and runs `work` on every rank. Signals for full disks and closed pipes
/// are off meanwhile: they arrive as errors. Returns the exit code, which is the same on all. An Error that all ranks
/// share is printed by rank 0. @throws Error where there is no launcher.
int run_on_ranks(const std::function<int(const comm::Communicator&)>& work);

/// True if the line asks for help, which needs no ranks.
bool asks_for_help(Arguments arguments);

}  // namespace stockpot::app
