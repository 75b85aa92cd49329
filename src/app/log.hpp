// The log on stderr: UTC times, plain lines. Results go to stdout and never through here.
#pragma once

#include <string>
#include <vector>

namespace stockpot::app {

enum class LogLevel { error, warn, info, debug, trace };

/// Sets up spdlog's default logger. Only rank 0 writes what is below a warning.
void start_log(LogLevel level, int rank);

/// Warnings, one line each, from rank 0.
void log_warnings(const std::vector<std::string>& lines, int rank);

}  // namespace stockpot::app
