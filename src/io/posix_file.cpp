#include "io/posix_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "core/error.hpp"
#include "io/file_calls.hpp"
#include "io/pending_calls.hpp"

namespace stockpot::io {
namespace {

constexpr std::size_t call_bytes = std::size_t{1} << 30;  // Linux moves 2 GiB - 4 KiB at most, and says nothing

/// `offset + count` as far as the system can count. @throws Error(corrupt_input) beyond.
off_t checked_offset(std::uint64_t offset, std::uint64_t count, const std::string& path) {
  constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
  if (count > largest || offset > largest - count) {
    throw Error(ErrorKind::corrupt_input, "a position in the file exceeds 63 bits").code("FMT006").in_file(path);
  }
  return static_cast<off_t>(offset);
}

Descriptor open_for_reading(const std::string& path, Patience patience, std::initializer_list<int> curable) {
  // O_NONBLOCK: opening a FIFO must not wait for its writer.
  const auto open_it = [&] { return file_calls().open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0); };
  const int raw = retried(curable, patience, open_it);
  if (raw >= 0) return Descriptor(raw);
  if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) {
    throw Error(ErrorKind::corrupt_input, "no such file").in_file(path);
  }
  if (errno == ENXIO) throw Error(ErrorKind::corrupt_input, "not a regular file").code("FMT004").in_file(path);
  throw system_error(errno, "open", path);
}

StoredFile facts_of(const Descriptor& descriptor, const std::string& path) {
  struct stat facts {};
  if (::fstat(descriptor.raw(), &facts) != 0) throw system_error(errno, "fstat", path);
  if (!S_ISREG(facts.st_mode)) {
    throw Error(ErrorKind::corrupt_input, "not a regular file").code("FMT004").in_file(path);
  }
  return {.path = path,
          .bytes = static_cast<std::uint64_t>(facts.st_size),
          .modified_ns = std::int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec,
          .inode = facts.st_ino};
}

/// How much does not fit, as far as the file system tells: a quota may leave less than it says.
std::uint64_t missing_bytes(const Descriptor& descriptor, std::uint64_t wanted) {
  struct statvfs facts {};
  if (::fstatvfs(descriptor.raw(), &facts) != 0) return 0;
  const std::uint64_t free_bytes = std::uint64_t{facts.f_bavail} * facts.f_frsize;
  return free_bytes < wanted ? wanted - free_bytes : 0;
}

/// The error of a call that was to put `bytes` into a file.
Error write_error(const Descriptor& descriptor, std::string_view call, const std::string& path, std::uint64_t bytes) {
  Error error = system_error(errno, call, path);
  if (error.kind() == ErrorKind::no_space) {
    const std::uint64_t missing = missing_bytes(descriptor, bytes);
    error.with("missing", fmt::format("{} bytes, at least", missing == 0 ? bytes : missing));
  }
  return error;
}

/// In memory, reserving makes page after page, which writing would do anyway and by all threads.
bool is_in_memory(const Descriptor& descriptor) {
  struct statfs facts {};
  return ::fstatfs(descriptor.raw(), &facts) == 0 && facts.f_type == TMPFS_MAGIC;
}

/// ftruncate promises nothing about space; fallocate refuses at once. Not posix_fallocate: where the file system cannot
/// reserve, that one writes every block.
void reserve_space(const Descriptor& descriptor, std::uint64_t bytes, const std::string& path) {
  const off_t size = checked_offset(bytes, 0, path);
  if (size == 0) return;
  const int result = retried({}, {}, [&] { return file_calls().fallocate(descriptor.raw(), size); });
  if (result == 0 || errno == EOPNOTSUPP || errno == ENOSYS) return;
  throw write_error(descriptor, "fallocate", path, bytes);
}

/// Of a new file.
void secure_space(const Descriptor& descriptor, std::uint64_t bytes, const std::string& path) {
  if (!is_in_memory(descriptor)) return reserve_space(descriptor, bytes, path);
  if (missing_bytes(descriptor, bytes) == 0) return;
  errno = ENOSPC;
  throw write_error(descriptor, "reserve", path, bytes);
}

void set_size(const Descriptor& descriptor, std::uint64_t bytes, const std::string& path) {
  const off_t size = checked_offset(bytes, 0, path);
  if (file_calls().ftruncate(descriptor.raw(), size) != 0) throw write_error(descriptor, "ftruncate", path, bytes);
}

}  // namespace

PosixSource::PosixSource(const std::string& path, Patience patience)
    : PosixSource(path, patience, open_for_reading(path, patience, curable_when_reading)) {}

PosixSource PosixSource::seen_before(const std::string& path, Patience patience) {
  return {path, patience, open_for_reading(path, patience, {EAGAIN, EIO, ESTALE, ETIMEDOUT, ENOENT})};
}

PosixSource::PosixSource(const std::string& path, Patience patience, Descriptor descriptor)
    : patience_(patience), descriptor_(std::move(descriptor)), stored_(facts_of(descriptor_, path)) {}

void PosixSource::read_at(std::uint64_t offset, std::span<std::byte> into) const {
  const std::size_t wanted = into.size();
  checked_offset(offset, wanted, path());
  const PendingCall pending(Transfer::read, path(), offset);
  while (!into.empty()) {
    const auto read_some = [&] {
      return file_calls().pread(descriptor_.raw(), into.data(), std::min(into.size(), call_bytes),
                                static_cast<off_t>(offset));
    };
    const ssize_t got = retried(curable_when_reading, patience_, read_some);
    if (got < 0) throw system_error(errno, "read", path()).at_byte(offset, size());
    if (got == 0) {
      throw Error(ErrorKind::corrupt_input,
                  fmt::format("truncated, expected {} bytes, got {}", wanted, wanted - into.size()))
          .code("FMT007")
          .in_file(path())
          .at_byte(offset, size())
          .hint("the file ends early: copy it again");
    }
    offset += static_cast<std::uint64_t>(got);
    into = into.subspan(static_cast<std::size_t>(got));
  }
}

void PosixSource::will_need(ByteRange range) const {
  ::posix_fadvise(descriptor_.raw(), static_cast<off_t>(range.offset), static_cast<off_t>(range.count),
                  POSIX_FADV_WILLNEED);
}

std::vector<ByteRange> PosixSource::data_ranges() const {
  constexpr std::size_t most = 8192;
  std::vector<ByteRange> ranges;
  for (std::uint64_t at = 0; at < size();) {
    const auto seek = [&](std::uint64_t from, int whence) {
      return file_calls().lseek(descriptor_.raw(), static_cast<off_t>(from), whence);
    };
    const off_t data = seek(at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // a hole up to the end
    const off_t end = data < 0 || ranges.size() == most ? -1 : seek(static_cast<std::uint64_t>(data), SEEK_HOLE);
    if (end < 0) {
      ranges.push_back({at, size() - at});
      break;
    }
    ranges.push_back({static_cast<std::uint64_t>(data), static_cast<std::uint64_t>(end - data)});
    at = static_cast<std::uint64_t>(end);
  }
  return ranges;
}

std::unique_ptr<DirectFile> PosixSource::opened_directly() const {
  return std::make_unique<DirectFile>(descriptor_, path(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

void PosixSource::drop_cached() const { ::posix_fadvise(descriptor_.raw(), 0, 0, POSIX_FADV_DONTNEED); }

PosixSink PosixSink::create(const std::string& path, std::uint64_t bytes, Space space) {
  const auto make = [&] {
    return file_calls().open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  };
  Descriptor descriptor(retried({}, {}, make));
  if (descriptor.raw() < 0) throw system_error(errno, "create", path);
  try {
    set_size(descriptor, bytes, path);
    if (space == Space::reserved) secure_space(descriptor, bytes, path);
  } catch (...) {
    file_calls().unlink(path.c_str());  // it would be in the way of the next attempt
    throw;
  }
  return {std::move(descriptor), path};
}

PosixSink PosixSink::open(const std::string& path, Patience patience) {
  const auto open_it = [&] { return file_calls().open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0); };
  Descriptor descriptor(retried({ENOENT, ESTALE}, patience, open_it));
  if (descriptor.raw() < 0) throw system_error(errno, "open for writing", path);
  return {std::move(descriptor), path};
}

void PosixSink::write_directly() {
  direct_ = std::make_unique<DirectFile>(descriptor_, path_, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
}

// A page goes one way only. One that lies wholly in a transfer belongs to it alone, since ranges that are written do not
// overlap, and is written directly. One that it shares with a neighbour, of this or another process, goes through the
// page cache for both, which brings them together as it always did. Were a page written both ways at once, what the cache
// writes back could be older than what is on storage.
void PosixSink::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  checked_offset(offset, bytes.size(), path_);
  const PendingCall pending(Transfer::write, path_, offset);
  if (!direct_ || !direct_->is_on()) return write_cached(offset, bytes);
  const ByteRange whole = whole_blocks({offset, bytes.size()}, direct_->alignment().written);
  if (whole.count < least_direct_bytes) return write_cached(offset, bytes);
  const std::size_t before = whole.offset - offset;
  write_cached(offset, bytes.first(before));
  const std::size_t done = before + write_whole_blocks(whole.offset, bytes.subspan(before, whole.count));
  write_cached(offset + done, bytes.subspan(done));
}

void PosixSink::copy_by_kernel(KernelCopies when) { copier_ = std::make_unique<KernelCopier>(descriptor_, when); }

void PosixSink::copy_at(std::uint64_t offset, std::span<const std::byte> bytes, const StoredRun& from) {
  if (!copier_) return write_at(offset, bytes);
  checked_offset(offset, bytes.size(), path_);
  ByteRange copied;
  {
    const PendingCall pending(Transfer::write, path_, offset);
    copied = copier_->copy(from.file->descriptor(), from.offset, descriptor_, {offset, bytes.size()});
  }
  const std::uint64_t before = copied.offset - offset, end = before + copied.count;
  if (before > 0) write_at(offset, bytes.first(before));
  if (end < bytes.size()) write_at(offset + end, bytes.subspan(end));
}

/// @return how much was written. The rest may go through the page cache: nobody else writes these pages.
std::size_t PosixSink::write_whole_blocks(std::uint64_t offset, std::span<const std::byte> bytes) {
  std::size_t done = 0;
  while (done < bytes.size() && done % direct_->alignment().written == 0) {
    const auto write_some = [&] { return direct_->write_some(offset + done, bytes.subspan(done)); };
    const ssize_t put = retried({}, {}, write_some);
    if (put < 0 && !direct_->is_refusal(errno)) {
      throw write_error(descriptor_, "write", path_, bytes.size() - done).with("byte", std::to_string(offset + done));
    }
    if (put <= 0) break;
    done += static_cast<std::size_t>(put);
  }
  return done;
}

void PosixSink::write_cached(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto write_some = [&] {
      return file_calls().pwrite(descriptor_.raw(), bytes.data(), std::min(bytes.size(), call_bytes),
                                 static_cast<off_t>(offset));
    };
    const ssize_t put = retried({}, {}, write_some);
    if (put == 0) errno = EIO;
    if (put <= 0) throw write_error(descriptor_, "write", path_, bytes.size()).with("byte", std::to_string(offset));
    offset += static_cast<std::uint64_t>(put);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
}

bool PosixSink::make_hole(ByteRange range) {
  const off_t offset = checked_offset(range.offset, range.count, path_);
  if (range.count == 0) return true;
  const PendingCall pending(Transfer::write, path_, range.offset);
  const auto punch = [&] {
    return file_calls().punch_hole(descriptor_.raw(), offset, static_cast<off_t>(range.count));
  };
  if (retried({}, {}, punch) == 0) return true;
  if (errno == EOPNOTSUPP || errno == ENOSYS) return false;
  throw write_error(descriptor_, "punch a hole", path_, range.count).with("byte", std::to_string(range.offset));
}

void PosixSink::reserve(std::uint64_t bytes) { reserve_space(descriptor_, bytes, path_); }

void PosixSink::sync() {
  const PendingCall pending(Transfer::sync, path_, 0);
  // Never again after a failure: Linux reports a lost write once, and a second call would succeed over missing data.
  if (file_calls().fsync(descriptor_.raw()) != 0) throw system_error(errno, "fsync", path_);
}

void PosixSink::sync_data() {
  const PendingCall pending(Transfer::sync, path_, 0);
  if (file_calls().fdatasync(descriptor_.raw()) != 0) throw system_error(errno, "fdatasync", path_);
}

}  // namespace stockpot::io
