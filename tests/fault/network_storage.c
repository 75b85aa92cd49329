// Preloaded into the ranks: what a network file system does that a local one does not.
//
//   A file that some process of this machine has open by this name, or whose path contains $ALWAYS_OPEN, is not removed but renamed to .nfsN in its
//   directory, which cannot be removed then. (The real one goes when it is closed; here it stays.)
//   LOST_REPLY=1: the first link() works, but says that its name was taken: the reply was lost, and the call repeated.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static const char* name_in(const char* path) {
  const char* slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}

static int is_open_in(const char* process, const char* name, const struct stat* file) {
  char path[64], entry[384], opened[4096];
  snprintf(path, sizeof path, "/proc/%s/fd", process);
  DIR* const descriptors = opendir(path);
  if (descriptors == NULL) return 0;
  int found = 0;
  for (struct dirent* d; !found && (d = readdir(descriptors)) != NULL;) {
    struct stat facts;
    snprintf(entry, sizeof entry, "%s/%s", path, d->d_name);
    if (stat(entry, &facts) != 0 || facts.st_dev != file->st_dev || facts.st_ino != file->st_ino) continue;
    const ssize_t bytes = readlink(entry, opened, sizeof opened - 1);
    if (bytes < 0) continue;
    opened[bytes] = '\0';
    found = strcmp(name_in(opened), name) == 0;
  }
  closedir(descriptors);
  return found;
}

static int is_open(const char* path) {
  const char* always = getenv("ALWAYS_OPEN");
  struct stat file;
  if (lstat(path, &file) != 0 || !S_ISREG(file.st_mode)) return 0;
  if (always != NULL && strstr(path, always) != NULL) return 1;
  DIR* const processes = opendir("/proc");
  if (processes == NULL) return 0;
  int found = 0;
  for (struct dirent* p; !found && (p = readdir(processes)) != NULL;) {
    if (p->d_name[0] >= '1' && p->d_name[0] <= '9') found = is_open_in(p->d_name, name_in(path), &file);
  }
  closedir(processes);
  return found;
}

int unlink(const char* path) {
  static int number;
  const int directory = (int)(name_in(path) - path);
  const int is_silly = strncmp(path + directory, ".nfs", 4) == 0;
  if (is_silly) {
    errno = EBUSY;
    return -1;
  }
  if (!is_open(path)) return REAL(unlink)(path);
  char silly[4096];
  snprintf(silly, sizeof silly, "%.*s.nfs%08d", directory, path, ++number);
  return rename(path, silly);
}

int link(const char* from, const char* to) {
  static int calls;
  const int result = REAL(link)(from, to);
  if (result != 0 || getenv("LOST_REPLY") == NULL || calls++ > 0) return result;
  errno = EEXIST;
  return -1;
}
