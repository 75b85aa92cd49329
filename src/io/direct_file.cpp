#include "io/direct_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

#include "io/file_calls.hpp"

namespace stockpot::io {
namespace {

constexpr std::uint64_t least_alignment = 512, most_alignment = std::uint64_t{64} << 10;

std::uint64_t round_down(std::uint64_t bytes, std::uint64_t unit) { return bytes / unit * unit; }
std::uint64_t round_up(std::uint64_t bytes, std::uint64_t unit) { return round_down(bytes + unit - 1, unit); }

struct AllTotals {
  std::atomic<std::uint64_t> bytes_read = 0, bytes_written = 0;
  std::mutex mutex;
  std::uint64_t files_refused = 0;
  std::string first_refused;
};

AllTotals& all_totals() {
  static AllTotals totals;
  return totals;
}

/// Memory of this thread for one transfer, at an address that suits every file. Grows to what the largest wanted.
std::span<std::byte> transfer_memory(std::size_t bytes) {
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete (memory, std::align_val_t{most_alignment}); }
  };
  thread_local std::unique_ptr<std::byte, Free> memory;
  thread_local std::size_t size = 0;
  if (size < bytes) {
    size = 0;
    memory.reset();
    memory.reset(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{most_alignment})));
    size = bytes;
  }
  return {memory.get(), bytes};
}

#ifdef STATX_DIOALIGN
/// Nothing: the system does not tell. Zero: there are no direct transfers.
std::optional<std::uint64_t> told_alignment(int descriptor) {
  struct statx facts {};
  if (::statx(descriptor, "", AT_EMPTY_PATH, STATX_DIOALIGN, &facts) != 0) return std::nullopt;
  if ((facts.stx_mask & STATX_DIOALIGN) == 0) return std::nullopt;
  if (facts.stx_dio_mem_align == 0 || facts.stx_dio_offset_align == 0) return 0;
  return std::max(facts.stx_dio_mem_align, facts.stx_dio_offset_align);
}
#else
std::optional<std::uint64_t> told_alignment(int) { return std::nullopt; }
#endif

bool is_same_file(int one, int other) {
  struct stat a {
  }, b{};
  return ::fstat(one, &a) == 0 && ::fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace

std::optional<DirectAlignment> direct_alignment(int descriptor) {
  struct stat facts {};
  if (::fstat(descriptor, &facts) != 0) return std::nullopt;
  // Lustre and NFS call what they like to transfer their block size: megabytes.
  const std::uint64_t block =
      std::clamp<std::uint64_t>(static_cast<std::uint64_t>(facts.st_blksize), least_alignment, most_alignment);
  const std::uint64_t told = told_alignment(descriptor).value_or(block);
  const std::uint64_t transfer = std::max(told, least_alignment);
  if (told == 0 || transfer > most_alignment) return std::nullopt;
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t written = std::max({transfer, block, page});
  if (!std::has_single_bit(transfer) || !std::has_single_bit(written)) return std::nullopt;
  return DirectAlignment{transfer, written};
}

ByteRange whole_blocks(ByteRange range, std::uint64_t block_bytes) {
  const std::uint64_t first = round_up(range.offset, block_bytes), end = round_down(range.end(), block_bytes);
  return first < end ? ByteRange{first, end - first} : ByteRange{range.offset, 0};
}

DirectTotals& DirectTotals::operator+=(const DirectTotals& other) {
  bytes_read += other.bytes_read;
  bytes_written += other.bytes_written;
  files_refused += other.files_refused;
  if (first_refused.empty()) first_refused = other.first_refused;
  return *this;
}

DirectTotals take_direct_totals() {
  AllTotals& all = all_totals();
  const std::lock_guard lock(all.mutex);
  return {all.bytes_read.exchange(0), all.bytes_written.exchange(0), std::exchange(all.files_refused, 0),
          std::exchange(all.first_refused, {})};
}

DirectFile::DirectFile(const Descriptor& file, const std::string& path, int flags)
    : path_(path), descriptor_(file_calls().open(path.c_str(), flags | O_DIRECT, 0)) {
  const auto alignment = descriptor_.raw() < 0 ? std::nullopt : direct_alignment(descriptor_.raw());
  on_ = alignment && is_same_file(file.raw(), descriptor_.raw());
  if (on_) alignment_ = *alignment;
  if (!on_) refuse();
}

void DirectFile::refuse() const {
  AllTotals& all = all_totals();
  const std::lock_guard lock(all.mutex);
  ++all.files_refused;
  if (all.first_refused.empty()) all.first_refused = path_;
}

bool DirectFile::is_refusal(int error_number) const {
  if (error_number != EINVAL && error_number != EOPNOTSUPP) return false;
  if (on_.exchange(false)) refuse();
  return true;
}

ssize_t DirectFile::read_some(std::uint64_t offset, std::span<std::byte> into) const {
  const std::uint64_t start = round_down(offset, alignment_.transfer);
  const std::size_t before = offset - start;
  const std::size_t wanted =
      std::min<std::uint64_t>(round_up(before + into.size(), alignment_.transfer), most_direct_bytes);
  const std::span<std::byte> memory = transfer_memory(wanted);
  const ssize_t got = file_calls().pread(descriptor_.raw(), memory.data(), wanted, static_cast<off_t>(start));
  if (got < 0) return got;
  const auto came = static_cast<std::size_t>(got);
  if (came <= before) return 0;
  const std::size_t useful = std::min(came - before, into.size());
  std::memcpy(into.data(), memory.data() + before, useful);
  all_totals().bytes_read += useful;
  return static_cast<ssize_t>(useful);
}

ssize_t DirectFile::write_some(std::uint64_t offset, std::span<const std::byte> bytes) const {
  const std::span<const std::byte> part = bytes.first(std::min(bytes.size(), most_direct_bytes));
  const std::span<std::byte> memory = transfer_memory(part.size());
  std::memcpy(memory.data(), part.data(), part.size());
  const ssize_t put = file_calls().pwrite(descriptor_.raw(), memory.data(), memory.size(), static_cast<off_t>(offset));
  if (put > 0) all_totals().bytes_written += static_cast<std::uint64_t>(put);
  return put;
}

}  // namespace stockpot::io
