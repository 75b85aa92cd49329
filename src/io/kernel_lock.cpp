#include "io/kernel_lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "io/file_calls.hpp"

namespace stockpot::io {
namespace {

/// Behind all that a lock file holds: where locks are mandatory (SMB) it can be read all the same.
constexpr off_t locked_byte = off_t{1} << 30;

}  // namespace

Descriptor held_by_kernel(const std::string& path) {
  Descriptor held(file_calls().open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0));
  if (held.raw() < 0 || file_calls().lock(held.raw(), locked_byte) != 0) return Descriptor();
  return held;
}

std::optional<bool> is_held_by_kernel(const std::string& path) {
  const Descriptor seen(file_calls().open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0));
  const int answer = seen.raw() < 0 ? -1 : file_calls().is_locked(seen.raw(), locked_byte);
  if (answer < 0) return std::nullopt;
  return answer != 0;
}

std::uint64_t mounted_file_system(const std::string& path) {
  struct stat facts {};
  return ::lstat(path.c_str(), &facts) == 0 ? static_cast<std::uint64_t>(facts.st_dev) : 0;
}

}  // namespace stockpot::io
