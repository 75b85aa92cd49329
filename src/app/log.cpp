#include "app/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace stockpot::app {
namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::trace:
      return spdlog::level::trace;
  }
  return spdlog::level::info;
}

}  // namespace

void start_log(LogLevel level, int rank) {
  auto logger = std::make_shared<spdlog::logger>("stockpot", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  const LogLevel shown = rank == 0 ? level : std::min(level, LogLevel::warn);
  logger->set_level(spdlog_level(shown));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  spdlog::set_default_logger(std::move(logger));
}

void log_warnings(const std::vector<std::string>& lines, int rank) {
  if (rank != 0) return;
  constexpr std::size_t most = 20;
  for (std::size_t i = 0; i < std::min(most, lines.size()); ++i) spdlog::warn("{}", lines[i]);
  if (lines.size() > most) spdlog::warn("... and {} more", lines.size() - most);
}

}  // namespace stockpot::app
