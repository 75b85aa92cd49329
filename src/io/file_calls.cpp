#include "io/file_calls.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef STOCKPOT_FAULTS
#include "io/faults/faulty_calls.hpp"
#endif

namespace stockpot::io {
namespace {

struct flock lock_of(off_t byte) {
  return {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1, .l_pid = 0};
}

}  // namespace

int FileCalls::open(const char* path, int flags, mode_t mode) { return ::open(path, flags, mode); }
ssize_t FileCalls::pread(int descriptor, void* into, std::size_t bytes, off_t offset) {
  return ::pread(descriptor, into, bytes, offset);
}
off_t FileCalls::lseek(int descriptor, off_t offset, int whence) { return ::lseek(descriptor, offset, whence); }
ssize_t FileCalls::pwrite(int descriptor, const void* from, std::size_t bytes, off_t offset) {
  return ::pwrite(descriptor, from, bytes, offset);
}
ssize_t FileCalls::copy_file_range(int from, off_t from_offset, int into, off_t offset, std::size_t bytes) {
  return ::copy_file_range(from, &from_offset, into, &offset, bytes, 0);
}
int FileCalls::ftruncate(int descriptor, off_t bytes) { return ::ftruncate(descriptor, bytes); }
int FileCalls::fallocate(int descriptor, off_t bytes) { return ::fallocate(descriptor, 0, 0, bytes); }
int FileCalls::punch_hole(int descriptor, off_t offset, off_t bytes) {
  return ::fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes);
}
int FileCalls::fsync(int descriptor) { return ::fsync(descriptor); }
int FileCalls::fdatasync(int descriptor) { return ::fdatasync(descriptor); }
int FileCalls::lock(int descriptor, off_t byte) {
  struct flock lock = lock_of(byte);
  return ::fcntl(descriptor, F_OFD_SETLK, &lock);
}
int FileCalls::is_locked(int descriptor, off_t byte) {
  struct flock lock = lock_of(byte);
  return ::fcntl(descriptor, F_OFD_GETLK, &lock) != 0 ? -1 : lock.l_type != F_UNLCK;
}
int FileCalls::close(int descriptor) { return ::close(descriptor); }
int FileCalls::mkdir(const char* path) { return ::mkdir(path, 0777); }
int FileCalls::rmdir(const char* path) { return ::rmdir(path); }
int FileCalls::unlink(const char* path) { return ::unlink(path); }
int FileCalls::link(const char* from, const char* to) { return ::link(from, to); }
int FileCalls::rename(const char* from, const char* to) { return ::rename(from, to); }
int FileCalls::rename_if_absent(const char* from, const char* to) {
  return ::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}
int FileCalls::exchange(const char* one, const char* other) {
  return ::renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
}
int FileCalls::touch(const char* path) { return ::utimensat(AT_FDCWD, path, nullptr, AT_SYMLINK_NOFOLLOW); }

FileCalls& file_calls() {
#ifdef STOCKPOT_FAULTS
  static FileCalls& calls = faults::calls_of_this_process();
  return calls;
#else
  static FileCalls calls;
  return calls;
#endif
}

bool has_faults() {
#ifdef STOCKPOT_FAULTS
  return true;
#else
  return false;
#endif
}

}  // namespace stockpot::io
