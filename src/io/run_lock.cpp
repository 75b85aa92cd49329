#include "io/run_lock.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
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

/// 0 where there is no /proc.
std::uint64_t pid_namespace_of_this_process() {
  struct stat facts {};
  return ::stat("/proc/self/ns/pid", &facts) == 0 ? static_cast<std::uint64_t>(facts.st_ino) : 0;
}

std::string boot_of_this_machine() { return proc_line("/proc/sys/kernel/random/boot_id"); }

/// Machines and containers that share a file system may share a name, too: another boot alone says nothing. Signs of life come
/// every 30 s, by the clock of a file server that may be behind ours by a minute and more.
bool ended_by_boot(std::int64_t quiet_seconds) {
  constexpr std::int64_t least_silence = 120;
  timespec since_boot{};
  if (::clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0) return false;
  return quiet_seconds > std::max<std::int64_t>(since_boot.tv_sec, least_silence);
}

std::string new_token() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct BatchJob {
  std::string id;
  std::uint64_t restart_count = 0;
};

/// Only Slurm counts restarts; of the others the number of the job is worth showing.
BatchJob batch_job() {
  BatchJob job{variable("SLURM_JOB_ID"), 0};
  if (!job.id.empty()) {
    const std::string count = variable("SLURM_RESTART_COUNT");
    std::from_chars(count.data(), count.data() + count.size(), job.restart_count);
    return job;
  }
  for (const char* name : {"PBS_JOBID", "FLUX_JOB_ID", "LSB_JOBID"}) {
    if (job.id = variable(name); !job.id.empty()) break;
  }
  return job;
}

}  // namespace

RunLock RunLock::of_this_process() {
  const auto pid = static_cast<std::uint64_t>(::getpid());
  const BatchJob job = batch_job();
  return {.token = new_token(),
          .host = host_name(),
          .boot_id = boot_of_this_machine(),
          .pid_namespace = pid_namespace_of_this_process(),
          .pid = pid,
          .started_ticks = io::started_ticks(pid),
          .job_id = job.id,
          .restart_count = job.restart_count,
          .started = fmt::format("{:%FT%TZ}", fmt::gmtime(std::time(nullptr)))};
}

std::string RunLock::to_json() const {
  const nlohmann::json document = {{"token", token},
                                   {"boot_id", boot_id},
                                   {"host", host},
                                   {"pid_namespace", pid_namespace},
                                   {"pid", pid},
                                   {"started_ticks", started_ticks},
                                   {"job_id", job_id},
                                   {"restart_count", restart_count},
                                   {"started", started},
                                   {"released", released},
                                   {"locked_on", locked_on}};
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

std::optional<RunLock> RunLock::parse(std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  try {
    const auto document = nlohmann::json::parse(text);
    RunLock lock{.token = document.at("token").get<std::string>(),
                 .host = document.at("host").get<std::string>(),
                 .boot_id = document.at("boot_id").get<std::string>(),
                 .pid_namespace = document.value("pid_namespace", std::uint64_t{0}),
                 .pid = document.at("pid").get<std::uint64_t>(),
                 .started_ticks = document.at("started_ticks").get<std::uint64_t>(),
                 .job_id = document.at("job_id").get<std::string>(),
                 .restart_count = document.at("restart_count").get<std::uint64_t>(),
                 .started = document.at("started").get<std::string>(),
                 .released = document.at("released").get<bool>(),
                 .locked_on = document.value("locked_on", std::uint64_t{0})};
    // It becomes part of a file's name.
    if (lock.token.size() != 16 || lock.token.find_first_not_of(hex) != lock.token.npos) return std::nullopt;
    return lock;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

bool is_of_this_kernel(const RunLock& lock) { return lock.boot_id == boot_of_this_machine(); }

Owner owner_of(const RunLock& lock, std::int64_t quiet_seconds) {
  if (lock.released) return Owner::gone;
  const BatchJob job = batch_job();
  if (!job.id.empty() && lock.job_id == job.id && lock.restart_count < job.restart_count) return Owner::gone;
  if (lock.host != host_name()) return Owner::elsewhere;
  if (!is_of_this_kernel(lock)) return ended_by_boot(quiet_seconds) ? Owner::gone : Owner::elsewhere;
  const std::uint64_t here = pid_namespace_of_this_process();
  if (lock.pid_namespace != 0 && here != 0 && lock.pid_namespace != here) return Owner::elsewhere;
  if (!exists(lock.pid)) return Owner::gone;
  const std::uint64_t started = io::started_ticks(lock.pid);
  return started == 0 || started == lock.started_ticks ? Owner::running : Owner::gone;
}

}  // namespace stockpot::io
