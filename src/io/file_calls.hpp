// The system calls by which io reads and changes files, in one place, so that tests can stand in for a disk that fails and
// for a process that dies between any two of them.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace stockpot::io {

/// Each does what the call of its name does, errno included.
class FileCalls {
 public:
  virtual ~FileCalls() = default;
  virtual int open(const char* path, int flags, mode_t mode);
  virtual ssize_t pread(int descriptor, void* into, std::size_t bytes, off_t offset);
  virtual off_t lseek(int descriptor, off_t offset, int whence);
  virtual ssize_t pwrite(int descriptor, const void* from, std::size_t bytes, off_t offset);
  /// At these places; those of the descriptors do not move.
  virtual ssize_t copy_file_range(int from, off_t from_offset, int into, off_t offset, std::size_t bytes);
  virtual int ftruncate(int descriptor, off_t bytes);
  virtual int fallocate(int descriptor, off_t bytes);
  /// fallocate with FALLOC_FL_PUNCH_HOLE.
  virtual int punch_hole(int descriptor, off_t offset, off_t bytes);
  virtual int fsync(int descriptor);
  virtual int fdatasync(int descriptor);
  /// fcntl with F_OFD_SETLK: locks one byte for writing until what was opened is closed by all who have it.
  virtual int lock(int descriptor, off_t byte);
  /// fcntl with F_OFD_GETLK. @return 1 if somebody else has locked the byte, 0 if nobody has, -1 for a failure
  virtual int is_locked(int descriptor, off_t byte);
  virtual int close(int descriptor);
  virtual int mkdir(const char* path);
  virtual int rmdir(const char* path);
  virtual int unlink(const char* path);
  virtual int link(const char* from, const char* to);
  virtual int rename(const char* from, const char* to);
  /// renameat2 with RENAME_NOREPLACE, and with RENAME_EXCHANGE.
  virtual int rename_if_absent(const char* from, const char* to);
  virtual int exchange(const char* one, const char* other);
  /// Sets a file's time of modification to now.
  virtual int touch(const char* path);
};

/// The calls of this process: the system's own. In builds with STOCKPOT_FAULTS the variable STOCKPOT_FAULT puts faults in
/// their way.
FileCalls& file_calls();
/// Whether this is such a build.
bool has_faults();

}  // namespace stockpot::io
