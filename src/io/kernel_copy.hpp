// Bytes that go from file to file without passing through this process: copy_file_range.
//
// They have been read all the same, for their digest, and lie in a core's cache: so on most file systems writing them is
// faster than to have the kernel fetch them once more. It pays where the file system need not copy at all: extents that two
// files share (reflinks: XFS, Btrfs), and servers of network file systems that copy by themselves.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/range.hpp"

namespace stockpot::io {

class Descriptor;
class PosixSource;

enum class KernelCopies {
  never,
  /// Whole blocks, on file systems that share extents, between places that are equal within a block.
  shared,
  /// Wherever the system lets it.
  always
};

/// Bytes of an open file, from `offset` on.
struct StoredRun {
  const PosixSource* file = nullptr;
  std::uint64_t offset = 0;
};

/// Bytes that the kernel copied for this process; whoever reports them sets it back.
inline std::atomic<std::uint64_t> bytes_copied_by_kernel{0};

/// How one file of the output takes such bytes.
class KernelCopier {
 public:
  /// Local. @param into  the file.
  KernelCopier(const Descriptor& into, KernelCopies when);

  /// Thread safe. Copies what it can of `wanted`, a range of `into`, out of `from`, where it begins at `from_offset`.
  /// Never fails: what was not copied has to be written, and writing says what is wrong.
  /// @return what was copied; it may be empty.
  ByteRange copy(const Descriptor& from, std::uint64_t from_offset, const Descriptor& into, ByteRange wanted) const;

 private:
  ByteRange worth_copying(std::uint64_t from_offset, ByteRange wanted) const;
  bool blocks_only_;
  std::uint64_t device_ = 0, block_bytes_ = 0;
  mutable std::atomic<bool> on_ = false;
};

}  // namespace stockpot::io
