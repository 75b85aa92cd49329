// Weight files that all ranks write to at offsets known beforehand, as one rank sees them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/posix_file.hpp"
#include "io/tensor_sink.hpp"

namespace stockpot::io {

class OutputFile {
 public:
  /// @pre before anything else. @param path  of a file that create() made, here or on another rank.
  void set(std::string path, std::uint64_t bytes, Writing writing, KernelCopies kernel_copies = KernelCopies::never);
  /// Local; one rank. Makes the file with its final size. One of an earlier attempt that has it is gone on with; anything
  /// else is in the way.
  void create();

  /// Local, thread safe for ranges that do not overlap. Opens the file when it is first needed. A write that fails is done
  /// again through a descriptor of its own, once in each file.
  /// @param from  where these bytes lie; nothing: nowhere.
  void write(std::uint64_t offset, std::span<const std::byte> bytes, const std::optional<StoredRun>& from = {});
  /// Local, thread safe. Returns when what write() has returned for is on storage.
  void flush();
  /// Local. Syncs and closes.
  void finish();
  /// Local. @throws Error(storage) if the file does not have the size that was written.
  void check_size() const;

  const std::string& path() const { return path_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  void write_to(PosixSink& file, std::uint64_t offset, std::span<const std::byte> bytes,
                const std::optional<StoredRun>& from) const;
  void add(PosixSink file);
  PosixSink& opened();
  /// A descriptor beside the one that failed; nullptr if that was the second already.
  PosixSink* reopened(const PosixSink& failed);
  std::vector<PosixSink*> descriptors();

  std::string path_;
  std::uint64_t bytes_ = 0;
  Writing writing_ = Writing::cached;
  KernelCopies kernel_copies_ = KernelCopies::never;
  std::mutex opening_;
  /// Once this rank has written to it: one, or two after a failure. The first stays, since it alone may be told of
  /// bytes that it took and lost.
  std::deque<PosixSink> open_;
  std::atomic<bool> dirty_ = false;  ///< written to since it was synced
};

/// All files of a layout.
class OutputFiles {
 public:
  explicit OutputFiles(const OutputLayout& layout) : files_(layout.files.size()) {}

  /// Local. @param creates  on one rank: makes the files.
  void prepare(const OutputLayout& layout, OutputPlaces places, bool creates);
  /// Local, thread safe for ranges that do not overlap. @param bytes  the encoded elements of `range`.
  /// @param from    where these lie in a file; nothing: in none.
  void write(const TensorInfo& info, std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes,
             const std::optional<StoredRun>& from = {});
  /// The same of several: what lies in one run of memory and of a file at once.
  void write_all(std::span<const TensorInfo> tensors, std::span<const EncodedRange> all);
  /// Local, thread safe.
  void flush();
  /// Local. Syncs and closes.
  void finish();

  std::size_t size() const { return files_.size(); }
  OutputFile& operator[](std::size_t file) { return files_[file]; }
  const OutputFile& operator[](std::size_t file) const { return files_[file]; }
  const OutputPlaces::Place& place_of(std::uint32_t tensor) const { return places_[tensor]; }
  /// Local. @throws Error(storage) if one does not have the size that was written.
  void check_sizes() const;

 private:
  struct Run;
  std::vector<OutputFile> files_;            ///< parallel to OutputLayout::files
  std::vector<OutputPlaces::Place> places_;  ///< of each tensor's elements
};

}  // namespace stockpot::io
