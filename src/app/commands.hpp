// The commands of the program: one file each, one line each in commands.cpp.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace stockpot::app {

/// What follows the command's name.
using Arguments = std::span<const std::string>;

struct Command {
  std::string_view name;
  std::string_view summary;  ///< one line
  int (*run)(Arguments);     ///< returns the exit code; @throws Error for everything that goes wrong
  /// Runs on many ranks (ranks.hpp), which have to leave together. Other commands know of no launcher: its processes may well have
  /// different lines, each of which wants its own answer and exit code.
  bool on_ranks = false;
};

/// Every command, in the order in which they are listed to users.
std::span<const Command> all_commands();

int check_command(Arguments);
int convert_command(Arguments);
int inspect_command(Arguments);
int merge_command(Arguments);
int methods_command(Arguments);
int moe_command(Arguments);
int multi_command(Arguments);
int plan_command(Arguments);
int raw_command(Arguments);
int status_command(Arguments);
int synth_command(Arguments);
int verify_command(Arguments);

}  // namespace stockpot::app
