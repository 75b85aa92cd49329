// The lock of one staging directory: a chain of files, of which the last says who works here.
//
//   lock        the first holder
//   lock.T      who took over from the holder with token T
// Each is made once, already with its content, by a call that one process alone can win. None is ever changed or removed
// while the directory lives: there is no moment without a lock, and no race that two can win.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "io/descriptor.hpp"
#include "io/run_lock.hpp"

namespace stockpot::io {

/// The last of a chain.
struct LockHolder {
  RunLock lock;
  std::string path;
  std::uint32_t place = 0;         ///< in the chain, from 1
  std::int64_t quiet_seconds = 0;  ///< since its last sign of life
};

/// Local. Nothing if there is no lock. @throws Error(output_exists) if a lock file is not Stockpot's.
std::optional<LockHolder> lock_holder(const std::string& staging);

/// Local. Of a process of this machine that cannot be seen from here the kernel tells whether it lives, where the file system knows locks
/// and both see the same mount of it.
Owner owner_of(const LockHolder& holder);

/// Local. The holder of what is there; nothing if it holds no more than a maker of its lock left.
/// @throws Error(output_exists) if it is not Stockpot's.
std::optional<LockHolder> holder_of_own(const std::string& staging);

/// What lets a start take over although the holder is not known to be gone.
struct LockClaim {
  std::string break_token;  ///< of the holder that the user knows to be gone; empty: none
  bool guarded = false;     ///< the directory lies in one that this process has locked
};

class OutputLock {
 public:
  /// Local. Locks `staging`, which exists. @throws Error(output_exists) if somebody else works there.
  static OutputLock take(const std::string& staging, const LockClaim& claim);

  /// How many have held it before, and this one.
  std::uint32_t attempt() const { return attempt_; }
  bool is_ours() const;
  /// A sign of life. Failures are not worth ending for.
  void refresh() const noexcept;
  /// Says that its owner has ended: the next start need not ask anybody. The directory stays.
  void release() noexcept;
  /// Removes the chain, in an order that never leaves a directory with somebody else's lock as the last.
  void remove();

 private:
  OutputLock(std::string staging, RunLock lock, std::string path, std::uint32_t attempt, Descriptor held);
  std::string staging_;
  RunLock lock_;
  std::string path_;
  std::uint32_t attempt_;
  Descriptor held_;  // by which others of this machine see that we live
};

}  // namespace stockpot::io
