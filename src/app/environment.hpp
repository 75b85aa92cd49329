// The STOCKPOT_* environment variables: which there are, and what is set.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace stockpot::app {

/// Looks up one environment variable. Tests bring their own. An empty value counts as not set.
using Variables = std::function<std::optional<std::string>(const std::string& name)>;

/// The variables of this process.
Variables process_variables();
/// The names of all variables of this process.
std::vector<std::string> process_variable_names();

/// A misspelt STOCKPOT_* variable would be a setting that silently does nothing.
/// @throws Error(recipe) with the nearest known name.
void check_variable_names(std::span<const std::string> names);

}  // namespace stockpot::app
