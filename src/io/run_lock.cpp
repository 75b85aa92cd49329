#include "io/run_lock.hpp"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.hpp"

namespace stockpot::io {
namespace {

std::string host_name() {
  std::array<char, 256> text{};
  if (::gethostname(text.data(), text.size() - 1) != 0) throw system_error(errno, "gethostname", "/");
  return text.data();
}

// Files of /proc have no size to go by, so read_file() is not for them. Empty where there is no such file.
std::string proc_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

/// Field 22 of /proc/<pid>/stat, counted after the last ')', since a program's name may hold anything. 0 if it is gone.
std::uint64_t started_ticks(std::uint64_t pid) {
  constexpr int fields_before = 19;
  const std::string line = proc_line("/proc/" + std::to_string(pid) + "/stat");
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < fields_before; ++i) fields >> skipped;
  std::uint64_t ticks = 0;
  fields >> ticks;
  return ticks;
}

/// A process that has ended but that nobody has waited for yet still has its number.
bool has_ended(std::uint64_t pid) {
  const std::string stat = proc_line("/proc/" + std::to_string(pid) + "/stat");
  const auto name_end = stat.rfind(") ");
  return name_end != std::string::npos && (stat[name_end + 2] == 'Z' || stat[name_end + 2] == 'X');
}

bool exists(std::uint64_t pid) {
  if (pid == 0 || pid > static_cast<std::uint64_t>(std::numeric_limits<pid_t>::max())) return false;
  if (::kill(static_cast<pid_t>(pid), 0) != 0 && errno != EPERM) return false;
  return !has_ended(pid);
}

}  // namespace

RunLock RunLock::of_this_process() {
  const auto pid = static_cast<std::uint64_t>(::getpid());
  return {.host = host_name(),
          .boot_id = proc_line("/proc/sys/kernel/random/boot_id"),
          .pid = pid,
          .started_ticks = io::started_ticks(pid)};
}

std::string RunLock::to_json() const {
  const nlohmann::json document = {
      {"boot_id", boot_id}, {"host", host}, {"pid", pid}, {"started_ticks", started_ticks}};
  return document.dump() + '\n';
}

std::optional<RunLock> RunLock::parse(std::string_view text) {
  try {
    const auto document = nlohmann::json::parse(text);
    return RunLock{.host = document.at("host").get<std::string>(),
                   .boot_id = document.at("boot_id").get<std::string>(),
                   .pid = document.at("pid").get<std::uint64_t>(),
                   .started_ticks = document.at("started_ticks").get<std::uint64_t>()};
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

Owner owner_of(const RunLock& lock) {
  const RunLock here = RunLock::of_this_process();
  if (lock.host != here.host) return Owner::elsewhere;
  if (lock.boot_id != here.boot_id || !exists(lock.pid)) return Owner::gone;
  const std::uint64_t started = io::started_ticks(lock.pid);
  return started == 0 || started == lock.started_ticks ? Owner::running : Owner::gone;
}

}  // namespace stockpot::io
