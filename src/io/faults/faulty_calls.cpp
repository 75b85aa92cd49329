#include "io/faults/faulty_calls.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>

#include "io/faults/fault_rules.hpp"
#include "io/faults/throttle.hpp"

namespace stockpot::io::faults {
namespace {

constexpr int exit_code_of_the_killed = 137;

constexpr std::size_t most_alignment = 4096;  // of direct transfers on what tests run on

std::size_t round_up(std::size_t bytes) { return (bytes + most_alignment - 1) / most_alignment * most_alignment; }

struct Free {
  void operator()(unsigned char* memory) const { std::free(memory); }
};
using AlignedBytes = std::unique_ptr<unsigned char, Free>;

int rank_of_this_process() {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"}) {
    if (const char* text = std::getenv(name)) return std::atoi(text);
  }
  return 0;
}

class FaultyCalls final : public FileCalls {
 public:
  explicit FaultyCalls(const char* text)
      : rank_(rank_of_this_process()), rules_(text, rank_), throttle_(rules_.rate()) {
    if (rules_.trace_file().empty()) return;
    trace_ = ::open(rules_.trace_file().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  }

  int open(const char* path, int flags, mode_t mode) override {
    const bool changes = (flags & (O_WRONLY | O_RDWR)) != 0;
    const bool direct = (flags & O_DIRECT) != 0;
    const int descriptor =
        with_fault({"open", path, changes, direct}, [&] { return FileCalls::open(path, flags, mode); });
    if (descriptor < 0) return descriptor;
    const std::lock_guard lock(mutex_);
    files_[descriptor] = {path, direct};
    return descriptor;
  }

  ssize_t pread(int descriptor, void* into, std::size_t bytes, off_t offset) override {
    const File file = file_of(descriptor);
    return transfer<ssize_t>({"pread", file.path, false, file.direct}, bytes,
                             [&](std::size_t part, const Fault* fault) {
                               if (fault != nullptr && fault->effect == Effect::end_of_file) return ssize_t{0};
                               const ssize_t got = FileCalls::pread(descriptor, into, part, offset);
                               if (got > 0) throttle_.pass(static_cast<std::uint64_t>(got));
                               if (fault != nullptr && fault->effect == Effect::flip && got > 0)
                                 *static_cast<unsigned char*>(into) ^= 1;
                               return got;
                             });
  }

  off_t lseek(int descriptor, off_t offset, int whence) override {
    return transfer<off_t>({"lseek", path_of(descriptor), false}, 0,
                           [&](std::size_t, const Fault*) { return FileCalls::lseek(descriptor, offset, whence); });
  }

  ssize_t pwrite(int descriptor, const void* from, std::size_t bytes, off_t offset) override {
    throttle_.pass(bytes);
    const File file = file_of(descriptor);
    return transfer<ssize_t>(
        {"pwrite", file.path, true, file.direct}, bytes, [&](std::size_t part, const Fault* fault) {
          if (fault == nullptr || fault->effect != Effect::flip) {
            return FileCalls::pwrite(descriptor, from, part, offset);
          }
          const AlignedBytes changed(static_cast<unsigned char*>(std::aligned_alloc(most_alignment, round_up(part))));
          std::memcpy(changed.get(), from, part);
          if (part > 0) *changed ^= 1;
          return FileCalls::pwrite(descriptor, changed.get(), part, offset);
        });
  }

  ssize_t copy_file_range(int from, off_t from_offset, int into, off_t offset, std::size_t bytes) override {
    return transfer<ssize_t>({"copy_file_range", path_of(into)}, bytes, [&](std::size_t part, const Fault*) {
      return FileCalls::copy_file_range(from, from_offset, into, offset, part);
    });
  }

  int ftruncate(int descriptor, off_t bytes) override {
    return with_fault({"ftruncate", path_of(descriptor)}, [&] { return FileCalls::ftruncate(descriptor, bytes); });
  }
  int fallocate(int descriptor, off_t bytes) override {
    return with_fault({"fallocate", path_of(descriptor)}, [&] { return FileCalls::fallocate(descriptor, bytes); });
  }
  int punch_hole(int descriptor, off_t offset, off_t bytes) override {
    return with_fault({"punch_hole", path_of(descriptor)},
                      [&] { return FileCalls::punch_hole(descriptor, offset, bytes); });
  }
  int fsync(int descriptor) override {
    return with_fault({"fsync", path_of(descriptor)}, [&] { return FileCalls::fsync(descriptor); });
  }
  int fdatasync(int descriptor) override {
    return with_fault({"fdatasync", path_of(descriptor)}, [&] { return FileCalls::fdatasync(descriptor); });
  }
  int lock(int descriptor, off_t byte) override {
    return with_fault({"lock", path_of(descriptor), false}, [&] { return FileCalls::lock(descriptor, byte); });
  }
  int is_locked(int descriptor, off_t byte) override {
    return with_fault({"is_locked", path_of(descriptor), false},
                      [&] { return FileCalls::is_locked(descriptor, byte); });
  }
  int close(int descriptor) override {
    const std::string path = path_of(descriptor);
    {
      const std::lock_guard lock(mutex_);
      files_.erase(descriptor);
    }
    const int result = FileCalls::close(descriptor);  // a failed close has closed, too
    const int of_fault = with_fault({"close", path, false}, [] { return 0; });
    return result != 0 ? result : of_fault;
  }
  int mkdir(const char* path) override {
    return with_fault({"mkdir", path}, [&] { return FileCalls::mkdir(path); });
  }
  int rmdir(const char* path) override {
    return with_fault({"rmdir", path}, [&] { return FileCalls::rmdir(path); });
  }
  int unlink(const char* path) override {
    return with_fault({"unlink", path}, [&] { return FileCalls::unlink(path); });
  }
  int link(const char* from, const char* to) override {
    return with_fault({"link", to}, [&] { return FileCalls::link(from, to); });
  }
  int rename(const char* from, const char* to) override {
    return with_fault({"rename", to}, [&] { return FileCalls::rename(from, to); });
  }
  int rename_if_absent(const char* from, const char* to) override {
    return with_fault({"rename_if_absent", to}, [&] { return FileCalls::rename_if_absent(from, to); });
  }
  int exchange(const char* one, const char* other) override {
    return with_fault({"exchange", other}, [&] { return FileCalls::exchange(one, other); });
  }
  int touch(const char* path) override {
    return with_fault({"touch", path}, [&] { return FileCalls::touch(path); });
  }

 private:
  struct File {
    std::string path;
    bool direct = false;
  };

  File file_of(int descriptor) {
    const std::lock_guard lock(mutex_);
    const auto known = files_.find(descriptor);
    return known == files_.end() ? File() : known->second;
  }

  std::string path_of(int descriptor) { return file_of(descriptor).path; }

  std::optional<Fault> judge(const Call& call) {
    if (trace_ >= 0) {
      const std::lock_guard lock(mutex_);
      const std::string line = fmt::format("{} {} {}{} {}\n", rank_, ++traced_, call.name,
                                           call.name == "open" && !call.changes ? "-read" : "", call.path);
      [[maybe_unused]] const auto written = ::write(trace_, line.data(), line.size());
    }
    const auto fault = rules_.hit(call);
    if (!fault) return fault;
    if (fault->effect == Effect::kill_before) ::_exit(exit_code_of_the_killed);
    if (fault->effect == Effect::stop) ::raise(SIGSTOP);
    if (fault->effect == Effect::lag) ::usleep(20'000);
    if (fault->effect == Effect::slow) ::usleep(300'000);
    while (fault->effect == Effect::hang) ::sleep(1);
    return fault;
  }

  std::size_t part_of(std::size_t bytes, Effect effect) {
    if (effect == Effect::half && bytes > 1) return bytes / 2;
    if (effect != Effect::few || bytes == 0) return bytes;
    const std::uint64_t number = ++short_transfers_;
    if (number % 3 == 0) return 1;
    return 1 + number * 0x9E3779B97F4A7C15 % bytes;
  }

  template <class Result, class Real>
  Result transfer(const Call& call, std::size_t bytes, const Real& real) {
    const auto fault = judge(call);
    if (!fault) return real(bytes, nullptr);
    if (fault->effect == Effect::fail) {
      errno = fault->error_number;
      return -1;
    }
    if (fault->effect == Effect::lost) return static_cast<Result>(bytes);
    const std::size_t part = part_of(bytes, fault->effect);
    const Result result = real(call.direct ? std::min(bytes, round_up(part)) : part, &*fault);
    if (fault->effect == Effect::kill_after) ::_exit(exit_code_of_the_killed);
    return result;
  }

  template <class Real>
  int with_fault(const Call& call, const Real& real) {
    return transfer<int>(call, 0, [&](std::size_t, const Fault*) { return real(); });
  }

  int rank_;
  FaultRules rules_;
  Throttle throttle_;
  int trace_ = -1;
  std::uint64_t traced_ = 0;
  std::atomic<std::uint64_t> short_transfers_ = 0;
  std::mutex mutex_;
  std::map<int, File> files_;
};

}  // namespace

FileCalls& calls_of_this_process() {
  static FileCalls real;
  const char* text = std::getenv("STOCKPOT_FAULT");
  if (text == nullptr || *text == '\0') return real;
  static FaultyCalls faulty(text);
  return faulty;
}

}  // namespace stockpot::io::faults
