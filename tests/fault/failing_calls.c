// Preloaded into one rank's process: makes a system call fail there, as a bad disk or a lost mount would.
//
//   FAILING_RANK=1 FAILING_CALL=open|pread|pwrite|fsync FAILING_PATH=part-of-a-path FAILING_ERRNO=5 [FAILING_AFTER=n]
//
// The first n matching calls succeed. FAILING_ERRNO=0 ends a pread early instead: it returns 0, as after a truncation.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int number(const char* name) {
  const char* text = getenv(name);
  return text != NULL ? atoi(text) : 0;
}

static int fails(const char* call, const char* path) {
  static atomic_int seen;
  const char* wanted = getenv("FAILING_CALL");
  const char* part = getenv("FAILING_PATH");
  if (wanted == NULL || part == NULL || path == NULL || strcmp(wanted, call) != 0) return 0;
  if (strstr(path, part) == NULL || number("OMPI_COMM_WORLD_RANK") != number("FAILING_RANK")) return 0;
  if (atomic_fetch_add(&seen, 1) < number("FAILING_AFTER")) return 0;
  errno = number("FAILING_ERRNO");
  return 1;
}

static int fails_on(const char* call, int descriptor) {
  char link[64], path[4096];
  const int kept = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  errno = kept;
  if (length < 0) return 0;
  path[length] = '\0';
  return fails(call, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static mode_t mode_of(int flags, va_list more) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
}

#define OPEN(name)                                                   \
  int name(const char* path, int flags, ...) {                       \
    va_list more;                                                    \
    va_start(more, flags);                                           \
    const mode_t mode = mode_of(flags, more);                        \
    va_end(more);                                                    \
    return fails("open", path) ? -1 : REAL(name)(path, flags, mode); \
  }
#define OPENAT(name)                                                            \
  int name(int directory, const char* path, int flags, ...) {                   \
    va_list more;                                                               \
    va_start(more, flags);                                                      \
    const mode_t mode = mode_of(flags, more);                                   \
    va_end(more);                                                               \
    return fails("open", path) ? -1 : REAL(name)(directory, path, flags, mode); \
  }
#define PREAD(name, offset_type)                                               \
  ssize_t name(int descriptor, void* into, size_t bytes, offset_type offset) { \
    if (fails_on("pread", descriptor)) return errno != 0 ? -1 : 0;             \
    return REAL(name)(descriptor, into, bytes, offset);                        \
  }
#define PWRITE(name, offset_type)                                                             \
  ssize_t name(int descriptor, const void* from, size_t bytes, offset_type offset) {          \
    return fails_on("pwrite", descriptor) ? -1 : REAL(name)(descriptor, from, bytes, offset); \
  }
#define FSYNC(name) \
  int name(int descriptor) { return fails_on("fsync", descriptor) ? -1 : REAL(name)(descriptor); }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
PREAD(pread, off_t)
PREAD(pread64, off64_t)
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)
FSYNC(fsync)
FSYNC(fdatasync)

// What _FORTIFY_SOURCE makes of them.
int __open_2(const char* path, int flags) { return open(path, flags); }
int __open64_2(const char* path, int flags) { return open64(path, flags); }
int __openat_2(int directory, const char* path, int flags) { return openat(directory, path, flags); }
int __openat64_2(int directory, const char* path, int flags) { return openat64(directory, path, flags); }
ssize_t __pread_chk(int descriptor, void* into, size_t bytes, off_t offset, size_t room) {
  (void)room;
  return pread(descriptor, into, bytes, offset);
}
ssize_t __pread64_chk(int descriptor, void* into, size_t bytes, off64_t offset, size_t room) {
  (void)room;
  return pread64(descriptor, into, bytes, offset);
}
