#include "io/tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <filesystem>
#include <vector>

#include "core/error.hpp"
#include "io/descriptor.hpp"
#include "io/file_calls.hpp"
#include "io/file_system.hpp"
#include "io/folder.hpp"

namespace stockpot::io {

namespace fs = std::filesystem;

void remove_tree(const std::string& path) {
  const fs::file_type type = with_file_system_errors([&] { return fs::symlink_status(path).type(); });
  if (type == fs::file_type::not_found) return;
  if (type != fs::file_type::directory) {
    if (file_calls().unlink(path.c_str()) != 0 && errno != ENOENT) throw system_error(errno, "unlink", path);
    return;
  }
  remove_entries(path, [](const std::string&) { return false; });
  if (file_calls().rmdir(path.c_str()) != 0 && errno != ENOENT) throw system_error(errno, "rmdir", path);
}

void remove_entries(const std::string& folder, const std::function<bool(const std::string& name)>& stays) {
  std::error_code failure;
  const std::vector<std::string> names = names_in(folder, failure);
  std::exception_ptr first;
  for (const std::string& name : names) {
    try {
      if (!stays(name)) remove_tree(folder + "/" + name);
    } catch (const Error&) {
      if (!first) first = std::current_exception();
    }
  }
  if (first) std::rethrow_exception(first);
  if (failure) throw system_error(failure.value(), "reading the directory", folder);
}

void ensure_directory(const std::string& path) {
  if (file_calls().mkdir(path.c_str()) == 0) return;
  const int failure = errno;
  std::error_code ignored;
  const bool is_there = failure == EEXIST && fs::symlink_status(path, ignored).type() == fs::file_type::directory;
  if (!is_there) throw system_error(failure, "mkdir", path);
}

void sync_directory(const std::string& path) {
  Descriptor directory(file_calls().open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  if (directory.raw() < 0) throw system_error(errno, "open", path);
  // Some network file systems know no fsync of a directory; their renames are synchronous.
  if (file_calls().fsync(directory.raw()) != 0 && errno != EINVAL) throw system_error(errno, "fsync", path);
  directory.close(path);
}

std::optional<std::uint64_t> stored_size(const std::string& path) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(facts.st_size);
}

std::uint64_t allocated_bytes(const std::string& path) {
  constexpr std::uint64_t unit_of_stat = 512;
  struct stat facts {};
  std::uint64_t bytes = 0;
  std::error_code failure;
  for (fs::recursive_directory_iterator at(path, failure); !failure && at != fs::recursive_directory_iterator();
       at.increment(failure)) {
    if (::lstat(at->path().c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) continue;
    bytes += static_cast<std::uint64_t>(facts.st_blocks) * unit_of_stat;
  }
  return bytes;
}

std::uint64_t unallocated_bytes(const std::string& path, std::uint64_t bytes) {
  return bytes == 0 ? 0 : bytes - std::min(bytes, allocated_bytes(path));
}

}  // namespace stockpot::io
