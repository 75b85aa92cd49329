// Transfers that pass by the page cache: O_DIRECT.
//
// Linux wants their places, lengths and memory to be multiples of what file system and device say. Not every file system
// has them, and some say so only at the first transfer: whoever asks for a direct transfer keeps the other way open.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/range.hpp"
#include "io/descriptor.hpp"

namespace stockpot::io {

/// Less at once is faster through the page cache, which takes neighbours along.
inline constexpr std::size_t least_direct_bytes = std::size_t{64} << 10;
/// More is done in several calls: each thread that transfers keeps memory for one.
inline constexpr std::size_t most_direct_bytes = std::size_t{4} << 20;

/// What direct transfers of a file are multiples of: powers of two, 512 bytes to 64 KiB.
struct DirectAlignment {
  std::uint64_t transfer = 0;  ///< places and lengths of reads, and the addresses of their memory
  /// Of writes: whole pages, and whole blocks of the file system. A page that is written both ways at once may lose one.
  std::uint64_t written = 0;
};

/// Local. From statx where kernel and file system tell, else the file system's block size.
/// @return nothing if direct transfers of this file are not possible.
std::optional<DirectAlignment> direct_alignment(int descriptor);

/// The whole blocks of `block_bytes` in `range`; none: an empty range at its beginning.
ByteRange whole_blocks(ByteRange range, std::uint64_t block_bytes);

/// Direct transfers of this process since the last call of take_direct_totals().
struct DirectTotals {
  std::uint64_t bytes_read = 0, bytes_written = 0;  ///< of those that were asked for, without what alignment adds
  std::uint64_t files_refused = 0;                  ///< openings of files that take the page cache after all
  std::string first_refused;                        ///< path of one; empty: none

  DirectTotals& operator+=(const DirectTotals& other);
};
DirectTotals take_direct_totals();

/// An open file's second descriptor, for direct transfers.
class DirectFile {
 public:
  /// Local. Opens the file of `path` once more. Never fails: a file that is refused is counted, and is_on() is false.
  /// @param file   is open under `path`; another file that has that name meanwhile is refused.
  /// @param flags  of open(), O_DIRECT aside.
  DirectFile(const Descriptor& file, const std::string& path, int flags);

  /// Thread safe. Whether direct transfers are worth trying.
  bool is_on() const { return on_; }
  /// @pre is_on() was true.
  const DirectAlignment& alignment() const { return alignment_; }

  /// Thread safe. Reads once, at most most_direct_bytes. @return how many bytes of `into`, from its start, are read: 0 at
  /// the end of the file, or where what came does not reach `offset`; -1 with errno.
  ssize_t read_some(std::uint64_t offset, std::span<std::byte> into) const;
  /// Thread safe. Writes once. @pre offset and size are multiples of alignment().written.   @return as pwrite()
  ssize_t write_some(std::uint64_t offset, std::span<const std::byte> bytes) const;

  /// Thread safe. @param error_number  of a transfer that failed.
  /// @return whether it says that the file has no direct transfers: it is counted then, and is_on() is false from now on.
  bool is_refusal(int error_number) const;

 private:
  void refuse() const;
  std::string path_;
  Descriptor descriptor_;
  DirectAlignment alignment_;
  mutable std::atomic<bool> on_ = false;
};

}  // namespace stockpot::io
