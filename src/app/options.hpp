// What a command accepts on its line, as a table; and reading it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/commands.hpp"
#include "app/environment.hpp"
#include "app/values.hpp"

namespace stockpot::app {

enum class Takes {
  value,             ///< --name VALUE; the last one counts
  values,            ///< --name VALUE, as often as wanted
  choice,            ///< --name or --name=VALUE, never --name VALUE; --no-name stands for "none"
  toggle,            ///< --name or --no-name; the last one counts
  repeat,            ///< --name, counted
  nothing_of_note,   ///< a toggle that is accepted for the sake of mergekit's users and has no effect here
  value_of_no_note,  ///< likewise, with a value
};

struct Option {
  std::string name;  ///< without dashes
  Takes takes = Takes::value;
  std::string value_name = {};         ///< "SIZE"
  std::string help = {};               ///< one or more lines
  std::vector<std::string> also = {};  ///< other spellings; those of one letter take one dash
  std::string variable = {};           ///< environment variable that stands in for it
  bool on = false;                     ///< a toggle's default
  std::string implied = {};            ///< a choice's value when none is given
};

struct OptionGroup {
  std::string title;
  std::vector<Option> options;
};

/// One command's line.
struct CommandLine {
  std::string name;                         ///< of the command
  std::string purpose;                      ///< a sentence or two
  std::vector<std::string> arguments = {};  ///< "RECIPE"; "[NAME]" may be left out; those come last
  std::vector<OptionGroup> groups = {};
};

/// @return nothing if help was asked for; it has been printed then.
/// @throws Error(usage) for unknown options, with the nearest name, and for missing or surplus arguments.
std::optional<Values> read_line(const CommandLine& line, Arguments arguments,
                                const Variables& variables = process_variables());

/// The text that --help prints.
std::string help_text(const CommandLine& line);

}  // namespace stockpot::app
