// What goes to stderr: the log (UTC times, plain lines), and what users are told. Results go to stdout, never through here.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "app/commands.hpp"
#include "core/error.hpp"

namespace stockpot::app {

enum class LogLevel { error, warn, info, debug, trace };

/// Sets up spdlog's default logger. Only rank 0 writes what is below a warning.
void start_log(LogLevel level, int rank);

/// How remarks and errors are written: for people, or one JSON object on each line for programs.
enum class DiagnosticsForm { text, json };

/// Goes by --diagnostics of a line that has not been read yet: its own mistakes are told in the same form.
void choose_diagnostics_form(Arguments arguments);

constexpr std::size_t remarks_on_a_screen = 20;
constexpr std::size_t all_remarks = std::numeric_limits<std::size_t>::max();

/// Decisions and warnings, from rank 0, unless only errors are logged; each once in a process, without a time, so that a
/// place in a file begins its line. @param most  shown; how many are left out is said.
void log_remarks(const std::vector<Remark>& remarks, int rank, std::size_t most = remarks_on_a_screen);
/// Likewise, sentences without a place. @see remark_of
void log_warnings(const std::vector<std::string>& lines, int rank);

/// To stderr, in one piece, so that what several ranks print stays apart. Nobody is left to tell if stderr itself is broken: that is no
/// failure of the job.
void print_aside(std::string_view text);

/// Results of a job that is not over, to stdout. What cannot be written is told when the program ends.
void print_result(std::string_view text);

/// Prints what ends the program.
void print_error(const Error& error);

}  // namespace stockpot::app
