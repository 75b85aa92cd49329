#include "io/publish.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "core/error.hpp"
#include "io/descriptor.hpp"
#include "io/file_system.hpp"
#include "io/run_lock.hpp"
#include "io/small_file.hpp"

namespace stockpot::io {
namespace {

namespace fs = std::filesystem;

Error exists_error(const std::string& sentence, const std::string& path) {
  return Error(ErrorKind::output_exists, sentence).with("output", path);
}

/// OUT with a canonical parent, so that its place can be compared with that of the inputs.
fs::path resolved_output(const std::string& out) {
  fs::path path = out;
  if (!path.has_filename()) path = path.parent_path();  // "out/" is "out"
  if (!path.has_filename() || path.filename() == "." || path.filename() == "..") {
    throw Error(ErrorKind::usage, "the output needs a name of its own").with("output", out);
  }
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::error_code failure;
  const fs::path canonical = fs::canonical(parent, failure);
  if (failure) {
    throw system_error(failure.value(), "looking up the output's parent directory", parent.string())
        .hint("the parent directory must exist: create it, or correct the output path");
  }
  return canonical / path.filename();
}

bool lies_in(const fs::path& inner, const fs::path& outer) {
  const auto rest = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
  return rest.first == outer.end();
}

void refuse_inputs(const fs::path& out, const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) {
    const fs::path model = fs::weakly_canonical(input);
    const bool within_model = fs::is_directory(model) && lies_in(out, model);
    if (!within_model && !lies_in(model, out)) continue;
    throw exists_error("the output would lie in, hold or replace an input model", out.string())
        .code("OUT002")
        .in_model(input)
        .hint("choose an output directory outside of every input model");
  }
}

/// @param overwrite  a directory may be there.
void refuse_existing(const fs::path& out, bool overwrite) {
  const fs::file_status status = fs::symlink_status(out);
  if (status.type() == fs::file_type::not_found) return;
  if (status.type() == fs::file_type::symlink) {
    throw exists_error("the output is a symbolic link, which Stockpot does not follow", out.string())
        .code("OUT001")
        .hint("give the path that the link leads to, or remove the link");
  }
  if (status.type() == fs::file_type::directory && (overwrite || fs::is_empty(out))) return;
  throw exists_error("the output exists already", out.string())
      .code("OUT001")
      .hint("choose another output path, remove this one, or replace it with --overwrite");
}

void require_space(const fs::path& parent, std::uint64_t needed_bytes) {
  struct statvfs facts {};
  if (::statvfs(parent.c_str(), &facts) != 0) throw system_error(errno, "statvfs", parent.string());
  if (facts.f_blocks == 0) return;  // a file system that does not tell
  const std::uint64_t free_bytes = std::uint64_t{facts.f_bavail} * facts.f_frsize;
  const std::uint64_t margin = needed_bytes / 50;  // file system structures: 2 %
  if (needed_bytes <= free_bytes && margin <= free_bytes - needed_bytes) return;
  throw Error(ErrorKind::no_space, "there is not enough space for the output")
      .code("OUT003")
      .in_file(parent.string())
      .with("needed", fmt::format("{} bytes and 2 % for the file system", needed_bytes))
      .with("free", fmt::format("{} bytes", free_bytes))
      .hint("free some space, or choose another output place");
}

void make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0777) == 0) return;
  if (errno == EEXIST) throw exists_error("another run has just begun with this output", path);
  throw system_error(errno, "mkdir", path);
}

void sync_directory(const std::string& path) {
  Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.raw() < 0) throw system_error(errno, "open", path);
  // Some network file systems know no fsync of a directory; their renames are synchronous.
  if (::fsync(directory.raw()) != 0 && errno != EINVAL) throw system_error(errno, "fsync", path);
  directory.close(path);
}

std::string lock_path_of(const std::string& staging) { return staging + "/lock"; }

std::optional<RunLock> lock_in(const std::string& staging) {
  constexpr std::uint64_t limit_bytes = 4096;
  const std::string path = lock_path_of(staging);
  if (fs::symlink_status(path).type() != fs::file_type::regular) return std::nullopt;
  return RunLock::parse(read_file(path, limit_bytes));
}

/// The lock of a process that is gone. @throws Error if the lock is another's, or if nothing says that this is ours.
RunLock abandoned_lock(const std::string& staging) {
  const auto lock = lock_in(staging);
  if (!lock) {
    throw exists_error("the staging directory exists, but without a lock file of Stockpot", staging)
        .hint("remove or rename it: Stockpot deletes nothing that does not carry its lock file");
  }
  const Owner owner = owner_of(*lock);
  if (owner == Owner::gone) return *lock;
  const std::string lock_path = lock_path_of(staging);
  throw exists_error("another run works on this output", staging)
      .with("host", lock->host)
      .with("pid", std::to_string(lock->pid))
      .hint(owner == Owner::running
                ? "wait until it has ended, or choose another output path"
                : fmt::format("its lock is {}: if that process has ended, remove {}", lock_path, staging));
}

/// Moves what a dead run left aside and deletes it. The rename has one winner when several runs find the same dead
/// lock.
void remove_abandoned(const std::string& staging) {
  if (fs::is_symlink(staging)) throw exists_error("the staging directory is a symbolic link", staging);
  if (::rmdir(staging.c_str()) == 0) return;  // its maker died before it could write the lock
  const RunLock judged = abandoned_lock(staging);
  const std::string aside = fmt::format("{}.abandoned-{}", staging, ::getpid());
  if (::rename(staging.c_str(), aside.c_str()) != 0) throw system_error(errno, "rename", staging);
  if (lock_in(aside) != judged) {
    ::rename(aside.c_str(), staging.c_str());  // another run was faster, and this is its work
    throw exists_error("another run has just taken over this output", staging);
  }
  fs::remove_all(aside);
}

/// @return false if the file system cannot rename without replacing.
bool rename_if_absent(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno == EINVAL || errno == ENOSYS) return false;
  if (errno == EEXIST) throw exists_error("the output came into being during the run", to).code("OUT001");
  throw system_error(errno, "rename", to);
}

}  // namespace

Staging::Staging(std::string out, bool overwrite)
    : out_(std::move(out)), directory_(out_ + ".stockpot"), data_(directory_ + "/data"), overwrite_(overwrite) {}

Staging Staging::open(const OutputPlace& place) {
  return with_file_system_errors([&] {
    const fs::path out = resolved_output(place.out);
    refuse_inputs(out, place.inputs);
    refuse_existing(out, place.overwrite);
    require_space(out.parent_path(), place.needed_bytes);
    Staging staging(out.string(), place.overwrite);
    if (fs::symlink_status(staging.directory_).type() != fs::file_type::not_found) remove_abandoned(staging.directory_);
    make_directory(staging.directory_);
    try {
      write_file(lock_path_of(staging.directory_), RunLock::of_this_process().to_json());
      make_directory(staging.data_);
    } catch (...) {
      std::error_code ignored;
      fs::remove_all(staging.directory_, ignored);
      throw;
    }
    return staging;
  });
}

void Staging::publish() {
  if (lock_in(directory_) != RunLock::of_this_process()) {
    throw exists_error("another run has taken over this output", out_);
  }
  sync_directory(data_);
  with_file_system_errors([&] { refuse_existing(out_, overwrite_); });
  ::rmdir(out_.c_str());  // an empty directory counts as absent; whatever else is there now stops the rename
  const bool replaces = move_old_aside();
  try {
    // Plain rename replaces an empty directory at most, and that counts as absent.
    if (!rename_if_absent(data_, out_) && ::rename(data_.c_str(), out_.c_str()) != 0) {
      throw system_error(errno, "rename", out_);
    }
  } catch (...) {
    if (replaces) ::rename(old_path().c_str(), out_.c_str());
    throw;
  }
  sync_directory(fs::path(out_).parent_path().string());
  // The output is there: leftovers are no reason to call the merge a failure, and the next run removes them.
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

bool Staging::move_old_aside() const {
  if (!overwrite_ || ::rename(out_.c_str(), old_path().c_str()) == 0) return overwrite_;
  if (errno == ENOENT) return false;
  throw system_error(errno, "rename", out_);
}

void Staging::discard() noexcept {
  try {
    if (lock_in(directory_) != RunLock::of_this_process()) return;
  } catch (const Error&) {
    return;
  }
  std::error_code ignored;
  fs::remove_all(data_, ignored);  // the lock goes last: what is left must be recognised as ours
  fs::remove_all(directory_, ignored);
}

}  // namespace stockpot::io
