// Files by positioned reads and writes: the default engine. No mmap, where an I/O error would be a signal without
// context.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/catalogue.hpp"
#include "io/byte_sink.hpp"
#include "io/byte_source.hpp"
#include "io/descriptor.hpp"
#include "io/direct_file.hpp"
#include "io/kernel_copy.hpp"
#include "io/retry.hpp"

namespace stockpot::io {

/// A regular file, open for reading.
class PosixSource final : public ByteSource {
 public:
  /// Local. Never blocks, whatever the path leads to.
  /// @throws Error(corrupt_input) if there is no such file, FMT004 if it is not a regular one; Error(storage) else.
  explicit PosixSource(const std::string& path, Patience patience = {});
  /// Local. Opens a file that some rank has read before: if it seems to be missing here, it may only not be visible yet.
  static PosixSource seen_before(const std::string& path, Patience patience = {});

  /// Transient failures of the storage are tried again, five times in about 3 s.
  void read_at(std::uint64_t offset, std::span<std::byte> into) const override;
  void will_need(ByteRange range) const override;
  /// Local. Where the file has data, ascending, as far as the file system tells; all else reads as zeros. What it cannot
  /// tell, and what comes after many thousand pieces, counts as data.
  std::vector<ByteRange> data_ranges() const;
  /// Asks the system to forget what it has of the file in memory.
  void drop_cached() const;
  /// Local. The same file once more, for direct transfers.
  std::unique_ptr<DirectFile> opened_directly() const;
  Patience patience() const { return patience_; }
  const PosixSource* file() const override { return this; }
  const Descriptor& descriptor() const { return descriptor_; }
  std::uint64_t size() const override { return stored_.bytes; }
  const std::string& path() const override { return stored_.path; }
  /// Size, time and inode as they were when the file was opened: what tells later whether it was changed.
  const StoredFile& stored() const { return stored_; }

 private:
  PosixSource(const std::string& path, Patience patience, Descriptor descriptor);
  Patience patience_;
  Descriptor descriptor_;
  StoredFile stored_;
};

/// What a new file has of its blocks.
enum class Space {
  reserved,     ///< all of them, where the file system can
  when_written  ///< none: the file begins as one hole
};

/// A regular file, open for writing.
class PosixSink final : public ByteSink {
 public:
  /// Local. Makes a file that must not exist yet, with its final size.
  /// @throws Error(no_space) at once if what is to be reserved does not fit; nothing is left behind then.
  static PosixSink create(const std::string& path, std::uint64_t bytes, Space space = Space::reserved);
  /// Local. Opens a file that another rank made; waits up to 10 s for it to become visible here.
  static PosixSink open(const std::string& path, Patience patience = {.first_pause = std::chrono::milliseconds(300)});

  /// Local. From now on the whole blocks of large transfers go past the page cache, where the file system lets them; what
  /// is before and after them does not.
  void write_directly();
  /// Local. From now on copy_at() lets the kernel copy. It has no part in writing directly.
  void copy_by_kernel(KernelCopies when);
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) override;
  /// write_at() of what lies in `from`.
  void copy_at(std::uint64_t offset, std::span<const std::byte> bytes, const StoredRun& from);
  /// Local. Makes a hole of `range`, which lies in the file: it reads as zeros, whatever was there.
  /// @return false if the file system has no holes; nothing was done then.   @throws Error as write_at().
  bool make_hole(ByteRange range);
  /// Reserves space for a file of so many bytes, where the file system can. @throws Error(no_space)
  void reserve(std::uint64_t bytes);
  void sync() override;
  /// The same without times and what else is not needed to read the data back.
  void sync_data();
  void close() override { descriptor_.close(path_); }
  const std::string& path() const override { return path_; }

 private:
  PosixSink(Descriptor descriptor, std::string path) : descriptor_(std::move(descriptor)), path_(std::move(path)) {}
  void write_cached(std::uint64_t offset, std::span<const std::byte> bytes);
  std::size_t write_whole_blocks(std::uint64_t offset, std::span<const std::byte> bytes);
  Descriptor descriptor_;
  std::string path_;
  std::unique_ptr<DirectFile> direct_;    ///< nullptr: everything goes through the page cache
  std::unique_ptr<KernelCopier> copier_;  ///< nullptr: everything is written
};

}  // namespace stockpot::io
