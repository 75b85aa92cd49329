#include "io/kernel_copy.hpp"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "io/descriptor.hpp"
#include "io/direct_file.hpp"
#include "io/file_calls.hpp"
#include "io/retry.hpp"

namespace stockpot::io {
namespace {

constexpr std::uint64_t least_shared_bytes = std::uint64_t{64} << 10;  // an extent costs more than to write less

constexpr long bcachefs_magic = 0xca451a4e, ocfs2_magic = 0x7461636f;  // which linux/magic.h may not have
constexpr std::array<long, 4> sharing_file_systems{XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, bcachefs_magic, ocfs2_magic};

/// Not this copy, and no other one into this file.
bool is_refusal(int error_number) {
  constexpr std::array refusals{EINVAL, ENOSYS, EOPNOTSUPP, EPERM, ETXTBSY, EXDEV};
  return std::ranges::find(refusals, error_number) != refusals.end();
}

}  // namespace

KernelCopier::KernelCopier(const Descriptor& into, KernelCopies when) : blocks_only_(when == KernelCopies::shared) {
  struct stat file {};
  struct statfs system {};
  if (when == KernelCopies::never || ::fstat(into.raw(), &file) != 0 || ::fstatfs(into.raw(), &system) != 0) return;
  device_ = file.st_dev;
  block_bytes_ = static_cast<std::uint64_t>(std::max<long>(system.f_bsize, 1));
  on_ = !blocks_only_ || std::ranges::find(sharing_file_systems, system.f_type) != sharing_file_systems.end();
}

ByteRange KernelCopier::worth_copying(std::uint64_t from_offset, ByteRange wanted) const {
  if (!blocks_only_) return wanted;
  if (from_offset % block_bytes_ != wanted.offset % block_bytes_) return {wanted.offset, 0};
  const ByteRange whole = whole_blocks(wanted, block_bytes_);
  return whole.count < least_shared_bytes ? ByteRange{wanted.offset, 0} : whole;
}

ByteRange KernelCopier::copy(const Descriptor& from, std::uint64_t from_offset, const Descriptor& into,
                             ByteRange wanted) const {
  struct stat file {};
  ByteRange left = worth_copying(from_offset, wanted);
  ByteRange copied{left.offset, 0};
  if (!on_ || left.count == 0 || ::fstat(from.raw(), &file) != 0 || file.st_dev != device_) return copied;
  while (left.count > 0) {
    const std::uint64_t source = from_offset + (left.offset - wanted.offset);
    const auto copy_some = [&] {
      return file_calls().copy_file_range(from.raw(), static_cast<off_t>(source), into.raw(),
                                          static_cast<off_t>(left.offset), left.count);
    };
    const ssize_t done = retried({}, {}, copy_some);
    if (done < 0 && is_refusal(errno)) on_ = false;
    if (done <= 0) break;
    copied.count += static_cast<std::uint64_t>(done);
    left.offset += static_cast<std::uint64_t>(done);
    left.count -= static_cast<std::uint64_t>(done);
  }
  bytes_copied_by_kernel += copied.count;
  return copied;
}

}  // namespace stockpot::io
