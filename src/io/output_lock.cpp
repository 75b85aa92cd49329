#include "io/output_lock.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <span>

#include "core/error.hpp"
#include "io/file_calls.hpp"
#include "io/folder.hpp"
#include "io/kernel_lock.hpp"
#include "io/output_place.hpp"
#include "io/posix_file.hpp"
#include "io/small_file.hpp"

namespace stockpot::io {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t lock_limit_bytes = 4096;

std::string first_path(const std::string& staging) { return staging + "/lock"; }
std::string path_after(const std::string& staging, const std::string& token) {
  return first_path(staging) + "." + token;
}
/// Where a lock is made, before it gets its place in the chain.
std::string made_path(const std::string& staging, const RunLock& lock) {
  return first_path(staging) + "-" + lock.token;
}

bool is_file(const std::string& path) { return fs::symlink_status(path).type() == fs::file_type::regular; }

RunLock read_lock(const std::string& path) {
  if (auto lock = RunLock::parse(read_file(path, lock_limit_bytes))) return *std::move(lock);
  throw Error(ErrorKind::output_exists, "the lock in the staging directory is not one of Stockpot's")
      .in_file(path)
      .hint("remove or rename the staging directory: Stockpot deletes nothing that does not carry its lock");
}

std::int64_t seconds_since_change(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return 0;
  return std::max<std::int64_t>(0, std::time(nullptr) - facts.st_mtim.tv_sec);
}

bool is_lock(const std::string& path, const RunLock& lock) {
  return is_file(path) && RunLock::parse(read_file(path, lock_limit_bytes)) == lock;
}

/// Writes the file of a lock, which the kernel holds as long as the descriptor is open. Where it cannot, the lock says so.
Descriptor write_held(const std::string& path, RunLock& lock) {
  PosixSink::create(path, 0).close();
  Descriptor held = held_by_kernel(path);
  const bool is_known = held.raw() >= 0 && !lock.boot_id.empty();
  lock.locked_on = is_known ? mounted_file_system(path) : 0;
  PosixSink sink = PosixSink::open(path);
  const std::string text = lock.to_json();
  sink.write_at(0, std::as_bytes(std::span(text)));
  sink.sync();
  sink.close();
  return held;
}

/// Makes `path` with the lock as its content. @return false if it is there already.
/// @param held  through which the kernel holds the file for this process, if it can; nullptr: the lock is nobody's. The first name of a
///              file that is held stays, too: network file systems keep what is removed while it is open.
bool make_lock(const std::string& staging, RunLock& lock, const std::string& path, Descriptor* held) {
  const std::string made = made_path(staging, lock);
  held != nullptr ? void(*held = write_held(made, lock)) : write_file(made, lock.to_json());
  const int linked = file_calls().link(made.c_str(), path.c_str());
  const int failure = linked == 0 ? 0 : errno;
  // Where the reply got lost, a repeated call finds its own work.
  const bool is_ours = failure == 0 || (failure == EEXIST && is_lock(path, lock));
  if (!is_ours || lock.locked_on == 0) {
    if (held != nullptr) *held = Descriptor();
    file_calls().unlink(made.c_str());
  }
  if (is_ours || failure == EEXIST) return is_ours;
  // A file system without hard links: O_EXCL has one winner, too, but a crash may leave the file without its content.
  if (failure != EPERM && failure != EOPNOTSUPP && failure != ENOSYS && failure != EMLINK) {
    throw system_error(failure, "link", path);
  }
  if (fs::exists(path)) return false;
  lock.locked_on = 0;  // another file than the one that was held
  write_file(path, lock.to_json());
  return true;
}

void refuse_living(const std::string& staging, const LockHolder& holder) {
  const RunLock& lock = holder.lock;
  const Owner owner = owner_of(holder);
  if (owner == Owner::gone) return;
  Error error(ErrorKind::output_exists, "another run works on this output");
  error.with("output", staging).with("host", lock.host).with("pid", std::to_string(lock.pid));
  if (!lock.job_id.empty()) error.with("job", lock.job_id);
  error.with("since", lock.started).with("sign of life", fmt::format("{} s ago", holder.quiet_seconds));
  if (owner == Owner::running) {
    throw error.hint("wait until it has ended, or choose another output path");
  }
  throw error.hint(fmt::format("if that process has ended, go on with its work by --break-lock {}", lock.token));
}

}  // namespace

std::optional<LockHolder> lock_holder(const std::string& staging) {
  std::optional<LockHolder> holder;
  std::string path = first_path(staging);
  std::uint32_t place = 0;
  while (is_file(path)) {
    holder = LockHolder{read_lock(path), path, ++place, seconds_since_change(path)};
    path = path_after(staging, holder->lock.token);
  }
  return holder;
}

Owner owner_of(const LockHolder& holder) {
  const RunLock& lock = holder.lock;
  const Owner owner = owner_of(lock, holder.quiet_seconds);
  if (owner != Owner::elsewhere || lock.locked_on == 0 || !is_of_this_kernel(lock)) return owner;
  const auto held = is_held_by_kernel(holder.path);
  // After that: who removes the lock lets go of it when it is not there any more.
  const bool is_told = held && mounted_file_system(holder.path) == lock.locked_on;
  if (!is_told) return owner;
  return *held ? Owner::running : Owner::gone;
}

std::optional<LockHolder> holder_of_own(const std::string& staging) {
  if (fs::is_symlink(staging)) throw exists_error("the staging directory is a symbolic link", staging);
  if (auto holder = lock_holder(staging)) return holder;
  std::error_code failure;
  for (const std::string& name : names_in(staging, failure)) {
    if (name.starts_with("lock")) continue;
    throw exists_error("the staging directory exists, but without a lock file of Stockpot", staging)
        .hint("remove or rename it: Stockpot deletes nothing that does not carry its lock file");
  }
  if (failure) throw system_error(failure.value(), "reading the directory", staging);
  return std::nullopt;
}

OutputLock::OutputLock(std::string staging, RunLock lock, std::string path, std::uint32_t attempt, Descriptor held)
    : staging_(std::move(staging)),
      lock_(std::move(lock)),
      path_(std::move(path)),
      attempt_(attempt),
      held_(std::move(held)) {}

OutputLock OutputLock::take(const std::string& staging, const LockClaim& claim) {
  constexpr int most_tries = 100;  // each means that somebody else was faster
  RunLock mine = RunLock::of_this_process();
  Descriptor held;
  for (int i = 0; i < most_tries; ++i) {
    const auto holder = lock_holder(staging);
    const bool may_break = holder && (claim.guarded || claim.break_token == holder->lock.token);
    if (holder && !may_break) refuse_living(staging, *holder);
    const std::string path = holder ? path_after(staging, holder->lock.token) : first_path(staging);
    if (make_lock(staging, mine, path, &held)) {
      return {staging, mine, path, holder ? holder->place + 1 : 1, std::move(held)};
    }
  }
  throw Error(ErrorKind::output_exists, "the lock changes hands all the time").with("output", staging);
}

bool OutputLock::is_ours() const {
  const auto holder = lock_holder(staging_);
  return holder && holder->lock == lock_;
}

void OutputLock::refresh() const noexcept { file_calls().touch(path_.c_str()); }

void OutputLock::remove() {
  // First the chain becomes this lock alone, by one rename; then the others have no meaning.
  if (path_ != first_path(staging_)) {
    RunLock alone = lock_;
    alone.locked_on = 0;  // another file than the one that is held
    replace_file(first_path(staging_), alone.to_json());
  }
  const std::string first = first_path(staging_), held = made_path(staging_, lock_);
  std::error_code failure;
  for (const std::string& name : names_in(staging_, failure)) {
    const std::string path = staging_ + "/" + name;
    if (name.starts_with("lock") && path != first && path != held) file_calls().unlink(path.c_str());
  }
  file_calls().unlink(first.c_str());
  // Nobody asks for the name by which it is open any more.
  held_ = Descriptor();
  file_calls().unlink(held.c_str());
}

void OutputLock::release() noexcept {
  try {
    if (!is_ours()) return;
    RunLock nobody = lock_;
    nobody.token = RunLock::of_this_process().token;
    nobody.released = true;
    nobody.locked_on = 0;
    make_lock(staging_, nobody, path_after(staging_, lock_.token), nullptr);
  } catch (...) {  // the next start finds out by itself that this process is gone
  }
}

}  // namespace stockpot::io
