// From the words of the command line to a command.
#pragma once

#include "app/commands.hpp"
#include "core/error.hpp"

namespace stockpot::app {

/// Runs the command that the first argument names. @return the exit code.   @throws Error
int run_program(Arguments arguments);

}  // namespace stockpot::app
