#include "app/environment.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "io/file_calls.hpp"

namespace stockpot::app {
namespace {

constexpr std::array settings{"STOCKPOT_THREADS",  "STOCKPOT_MEMORY",    "STOCKPOT_DEADLINE", "STOCKPOT_RESERVE",
                              "STOCKPOT_PROGRESS", "STOCKPOT_LOG_LEVEL", "STOCKPOT_FAULT",    "STOCKPOT_ISA"};

// Set by module files, and for the programs that a search starts; such a program may call stockpot again.
constexpr std::array set_by_others{"STOCKPOT_ROOT",   "STOCKPOT_CANDIDATE", "STOCKPOT_MODEL", "STOCKPOT_RECIPE",
                                   "STOCKPOT_OUTPUT", "STOCKPOT_WORKDIR",   "STOCKPOT_SLOT",  "STOCKPOT_HOSTS",
                                   "STOCKPOT_SEED",   "STOCKPOT_ATTEMPT",   "STOCKPOT_TASKS", "STOCKPOT_REPEAT"};

}  // namespace

Variables process_variables() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
}

std::vector<std::string> process_variable_names() {
  std::vector<std::string> names;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals + 1 == text.size()) continue;  // as good as not set
    names.emplace_back(text.substr(0, equals));
  }
  return names;
}

void check_variable_names(std::span<const std::string> names) {
  for (const std::string& name : names) {
    if (!name.starts_with("STOCKPOT_")) continue;
    if (name == "STOCKPOT_FAULT" && !io::has_faults()) {
      throw Error(ErrorKind::recipe, "STOCKPOT_FAULT has no effect in this build").hint("unset it: it is for tests");
    }
    if (std::find(settings.begin(), settings.end(), name) != settings.end()) continue;
    if (std::find(set_by_others.begin(), set_by_others.end(), name) != set_by_others.end()) continue;
    Error error(ErrorKind::recipe, fmt::format("unknown environment variable {}", printable(name)));
    const std::string near = did_you_mean(name, {settings.begin(), settings.end()});
    throw error.hint(near.empty() ? "unset it: names that begin with STOCKPOT_ are settings" : near);
  }
}

}  // namespace stockpot::app
