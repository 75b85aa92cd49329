// Who works on an output: the content of the lock file in a staging directory, and whether that process still lives.
//
// A file made with O_EXCL, not flock: what flock reaches on a cluster's file system depends on how it was mounted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stockpot::io {

struct RunLock {
  std::string host;
  std::string boot_id;  ///< of the machine: tells a reboot
  std::uint64_t pid = 0;
  std::uint64_t started_ticks = 0;  ///< of the process, since boot: tells a pid that was given out again

  static RunLock of_this_process();
  std::string to_json() const;
  /// Nothing if `text` is no lock: somebody else's file, or one whose writer died half way.
  static std::optional<RunLock> parse(std::string_view text);

  bool operator==(const RunLock&) const = default;
};

enum class Owner { running, gone, elsewhere };

/// Local. `elsewhere`: a process of another machine, of which nothing can be told from here.
Owner owner_of(const RunLock& lock);

}  // namespace stockpot::io
