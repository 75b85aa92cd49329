// The floor of a merge: every input read once, one of them written, with the transfers that a merge makes and nothing
// between them.
//   bench_copier THREADS CHUNK_BYTES sync|nosync OUTPUT INPUT...
// The inputs are as long as each other. Threads take chunks in order; each chunk is read from all inputs into buffers that
// are touched once before the clock starts, and written from the first. Prints seconds: opening, reserving, copying and,
// if asked for, syncing.
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

[[noreturn]] void fail(const char* what, const char* path) {
  std::perror((std::string(what) + " " + path).c_str());
  std::exit(1);
}

int open_or_fail(const char* path, int flags) {
  const int descriptor = ::open(path, flags | O_CLOEXEC, 0666);
  if (descriptor < 0) fail("open", path);
  return descriptor;
}

template <class Call>
void move_all(std::size_t bytes, const char* path, Call call) {
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t moved = call(done);
    if (moved <= 0) fail("transfer of", path);
    done += static_cast<std::size_t>(moved);
  }
}

struct Copy {
  std::vector<int> inputs;
  std::vector<const char*> names;
  int output = -1;
  std::size_t chunk = 0, bytes = 0, chunks_ahead = 0;
  std::atomic<std::size_t> next = 0;

  /// Reads ahead, as a merge does: the storage works while a thread writes.
  void advise(std::size_t at) const {
    for (const int input : inputs) {
      ::posix_fadvise(input, static_cast<off_t>(at), static_cast<off_t>(chunk), POSIX_FADV_WILLNEED);
    }
  }

  void work(std::byte* buffer) {
    for (std::size_t at = next.fetch_add(chunk); at < bytes; at = next.fetch_add(chunk)) {
      advise(at + chunks_ahead * chunk);
      const std::size_t count = std::min(chunk, bytes - at);
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        std::byte* const into = buffer + i * chunk;
        move_all(count, names[i], [&](std::size_t done) {
          return ::pread(inputs[i], into + done, count - done, static_cast<off_t>(at + done));
        });
      }
      move_all(count, "the output", [&](std::size_t done) {
        return ::pwrite(output, buffer + done, count - done, static_cast<off_t>(at + done));
      });
    }
  }
};

std::byte* touched_buffer(std::size_t bytes) {
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap", "a buffer");
  ::madvise(memory, bytes, MADV_HUGEPAGE);
  std::memset(memory, 1, bytes);
  return static_cast<std::byte*>(memory);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "usage: bench_copier THREADS CHUNK_BYTES sync|nosync OUTPUT INPUT...\n");
    return 2;
  }
  const std::size_t threads = std::strtoul(argv[1], nullptr, 10);
  const bool sync = std::strcmp(argv[3], "sync") == 0;
  Copy copy;
  copy.chunk = std::strtoul(argv[2], nullptr, 10);
  copy.names.assign(argv + 5, argv + argc);
  copy.chunks_ahead = 4 * threads;
  std::vector<std::byte*> buffers;
  for (std::size_t t = 0; t < threads; ++t) buffers.push_back(touched_buffer(copy.chunk * copy.names.size()));

  const auto start = std::chrono::steady_clock::now();
  for (const char* name : copy.names) copy.inputs.push_back(open_or_fail(name, O_RDONLY));
  struct stat facts {};
  if (::fstat(copy.inputs[0], &facts) != 0) fail("fstat", copy.names[0]);
  copy.bytes = static_cast<std::size_t>(facts.st_size);
  copy.output = open_or_fail(argv[4], O_WRONLY | O_CREAT | O_TRUNC);
  // As a merge does: reserving is nearly free on disks; in memory it would make page after page, by one thread.
  struct statfs place {};
  if (::fstatfs(copy.output, &place) != 0) fail("fstatfs", argv[4]);
  if (place.f_type != TMPFS_MAGIC) ::fallocate(copy.output, 0, 0, facts.st_size);
  std::vector<std::thread> team;
  for (std::size_t t = 1; t < threads; ++t) team.emplace_back([&, t] { copy.work(buffers[t]); });
  copy.work(buffers[0]);
  for (std::thread& thread : team) thread.join();
  if (sync && ::fsync(copy.output) != 0) fail("fsync", argv[4]);
  if (::close(copy.output) != 0) fail("close", argv[4]);
  std::printf("%.4f\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
}
