// Who works on an output: the content of a lock file, and whether that process still lives.
//
// Files made by link or O_EXCL, not locks of the kernel: what those reach on a cluster's file system depends on how it was mounted.
// They only tell, on one machine, whether a process lives that cannot be seen (kernel_lock.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stockpot::io {

struct RunLock {
  std::string token;  ///< of this lock alone; empty for none
  std::string host;
  std::string boot_id;              ///< of the machine: tells a reboot
  std::uint64_t pid_namespace = 0;  ///< whose numbers: a container counts its processes for itself; 0: not known
  std::uint64_t pid = 0;
  std::uint64_t started_ticks = 0;  ///< of the process, since boot: tells a pid that was given out again
  std::string job_id;               ///< of the scheduler; empty: none
  std::uint64_t restart_count = 0;  ///< how often the scheduler has started this job again
  std::string started;              ///< UTC, for people
  bool released = false;            ///< its owner ended and said so
  std::uint64_t locked_on =
      0;  ///< number of the mounted file system where the kernel holds the file for its owner; 0: it does not

  /// With a new token.
  static RunLock of_this_process();
  std::string to_json() const;
  /// Nothing if `text` is no lock: somebody else's file, or one whose writer died half way.
  static std::optional<RunLock> parse(std::string_view text);

  bool operator==(const RunLock&) const = default;
};

enum class Owner { running, gone, elsewhere };

/// Local. `elsewhere`: a process of another machine or container, of which nothing can be told from here. A job that its scheduler has
/// started again is gone, wherever it was. Another boot of a machine of this name is this machine before it was booted, or another
/// one: it is gone if it has given no sign of life since.
/// @param quiet_seconds  since the last sign of life
Owner owner_of(const RunLock& lock, std::int64_t quiet_seconds);

/// Local. Whether its owner is a process of the kernel that runs here, be it of another container.
bool is_of_this_kernel(const RunLock& lock);

}  // namespace stockpot::io
