#include "app/log.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>

#include "app/remark_json.hpp"

namespace stockpot::app {
namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::warn:  // with the decisions that are told beside warnings
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::trace:
      return spdlog::level::trace;
  }
  return spdlog::level::info;
}

DiagnosticsForm diagnostics_form = DiagnosticsForm::text;  // of this process, as the logger is

std::string one_line(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void print_line(const std::string& line) { print_aside(line + "\n"); }

}  // namespace

void print_aside(std::string_view text) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

void print_result(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void start_log(LogLevel level, int rank) {
  auto logger = std::make_shared<spdlog::logger>("stockpot", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  const LogLevel shown = rank == 0 ? level : std::min(level, LogLevel::warn);
  logger->set_level(spdlog_level(shown));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc);
  spdlog::set_default_logger(std::move(logger));
}

void choose_diagnostics_form(Arguments arguments) {
  constexpr std::string_view option = "--diagnostics";
  diagnostics_form = DiagnosticsForm::text;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    const bool next = word == option && i + 1 < arguments.size();
    if (!next && !word.starts_with(fmt::format("{}=", option))) continue;
    const std::string_view value = next ? std::string_view(arguments[i + 1]) : word.substr(option.size() + 1);
    diagnostics_form = value == "json" ? DiagnosticsForm::json : DiagnosticsForm::text;
  }
}

void log_remarks(const std::vector<Remark>& remarks, int rank, std::size_t most) {
  if (rank != 0 || !spdlog::should_log(spdlog::level::info)) return;
  static std::set<std::string> told;  // stages of one recipe have much in common
  std::vector<Remark> fresh;
  for (const Remark& remark : remarks) {
    if (told.insert(to_text(remark)).second) fresh.push_back(remark);
  }
  for (const Remark& remark : first_of(std::move(fresh), most)) {
    print_line(diagnostics_form == DiagnosticsForm::json ? one_line(as_json(remark)) : to_text(remark));
  }
}

void log_warnings(const std::vector<std::string>& lines, int rank) {
  std::vector<Remark> remarks;
  for (const std::string& line : lines) remarks.push_back(remark_of(line));
  log_remarks(remarks, rank);
}

void print_error(const Error& error) {
  std::fflush(stdout);
  if (diagnostics_form == DiagnosticsForm::text) return print_line(error.what());
  for (const Remark& remark : error.remarks()) print_line(one_line(as_json(remark)));
}

}  // namespace stockpot::app
