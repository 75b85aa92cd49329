#include "io/output_lock.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>

#include "core/error.hpp"
#include "io/file_calls.hpp"
#include "io/folder.hpp"
#include "io/output_place.hpp"
#include "io/small_file.hpp"

namespace stockpot::io {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t lock_limit_bytes = 4096;

std::string first_path(const std::string& staging) { return staging + "/lock"; }
std::string path_after(const std::string& staging, const std::string& token) {
  return first_path(staging) + "." + token;
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

/// Makes `path` with the lock as its content. @return false if it is there already.
bool make_lock(const std::string& staging, const RunLock& lock, const std::string& path) {
  const std::string made = fmt::format("{}/lock-{}", staging, lock.token);
  write_file(made, lock.to_json());
  const int linked = file_calls().link(made.c_str(), path.c_str());
  const int failure = linked == 0 ? 0 : errno;
  file_calls().unlink(made.c_str());
  if (failure == 0) return true;
  if (failure == EEXIST) return is_lock(path, lock);  // where the reply got lost, a repeated call finds its own work
  // A file system without hard links: O_EXCL has one winner, too, but a crash may leave the file without its content.
  if (failure != EPERM && failure != EOPNOTSUPP && failure != ENOSYS && failure != EMLINK) {
    throw system_error(failure, "link", path);
  }
  if (fs::exists(path)) return false;
  write_file(path, lock.to_json());
  return true;
}

void refuse_living(const std::string& staging, const LockHolder& holder) {
  const RunLock& lock = holder.lock;
  const Owner owner = owner_of(lock, holder.quiet_seconds);
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

OutputLock::OutputLock(std::string staging, RunLock lock, std::string path, std::uint32_t attempt)
    : staging_(std::move(staging)), lock_(std::move(lock)), path_(std::move(path)), attempt_(attempt) {}

OutputLock OutputLock::take(const std::string& staging, const LockClaim& claim) {
  constexpr int most_tries = 100;  // each means that somebody else was faster
  const RunLock mine = RunLock::of_this_process();
  for (int i = 0; i < most_tries; ++i) {
    const auto holder = lock_holder(staging);
    const bool may_break = holder && (claim.guarded || claim.break_token == holder->lock.token);
    if (holder && !may_break) refuse_living(staging, *holder);
    const std::string path = holder ? path_after(staging, holder->lock.token) : first_path(staging);
    if (make_lock(staging, mine, path)) return {staging, mine, path, holder ? holder->place + 1 : 1};
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
  if (path_ != first_path(staging_)) replace_file(first_path(staging_), lock_.to_json());
  std::error_code failure;
  for (const std::string& name : names_in(staging_, failure)) {
    if (name.starts_with("lock") && name != "lock") file_calls().unlink((staging_ + "/" + name).c_str());
  }
  file_calls().unlink(first_path(staging_).c_str());
}

void OutputLock::release() noexcept {
  try {
    if (!is_ours()) return;
    RunLock nobody = lock_;
    nobody.token = RunLock::of_this_process().token;
    nobody.released = true;
    make_lock(staging_, nobody, path_after(staging_, lock_.token));
  } catch (...) {  // the next start finds out by itself that this process is gone
  }
}

}  // namespace stockpot::io
