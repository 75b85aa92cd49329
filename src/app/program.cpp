#include "app/program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "app/environment.hpp"
#include "app/log.hpp"
#include "core/nearest.hpp"
#include "core/version.hpp"

namespace stockpot::app {
namespace {

void print_help() {
  fmt::print("stockpot {}: merges language-model checkpoints on clusters\n\n", version);
  fmt::print("usage: stockpot COMMAND [options]\n\ncommands:\n");
  for (const Command& command : all_commands()) fmt::print("  {:<10} {}\n", command.name, command.summary);
  fmt::print("\n'stockpot COMMAND --help' explains a command. Its options go after its name.\n");
}

Error unknown_command(const std::string& word) {
  const bool is_option = word.starts_with('-');
  Error error(ErrorKind::usage, fmt::format("unknown {} '{}'", is_option ? "option" : "command", printable(word)));
  std::vector<std::string> names{"--help", "--version"};
  for (const Command& command : all_commands()) names.emplace_back(command.name);
  const std::string near = did_you_mean(word, names);
  return error.hint(near.empty() ? "'stockpot --help' lists the commands" : near);
}

}  // namespace

int run_program(Arguments arguments) {
  choose_diagnostics_form(arguments);
  if (arguments.empty()) {
    throw Error(ErrorKind::usage, "no command is given").hint("'stockpot --help' lists the commands");
  }
  const std::string& word = arguments.front();
  if (word == "--help" || word == "-h" || word == "help") {
    print_help();
    return 0;
  }
  if (word == "--version") {
    fmt::print("stockpot {}\n", version);
    return 0;
  }
  const auto commands = all_commands();
  const auto named = [&](std::string_view name) {
    return std::find_if(commands.begin(), commands.end(), [&](const Command& c) { return c.name == name; });
  };
  // "run", or a recipe in a command's place: merge.
  std::error_code ignored;
  const bool is_recipe = named(word) == commands.end() && std::filesystem::is_regular_file(word, ignored);
  const auto command = is_recipe || word == "run" ? named("merge") : named(word);
  if (command == commands.end()) throw unknown_command(word);
  if (!command->on_ranks) check_variable_names(process_variable_names());
  const int code = command->run(is_recipe ? arguments : arguments.subspan(1));
  if (std::fflush(stdout) != 0) throw system_error(errno, "write", "standard output");
  if (std::ferror(stdout) != 0) throw system_error(EIO, "write", "standard output");  // some time before
  return code;
}

}  // namespace stockpot::app
