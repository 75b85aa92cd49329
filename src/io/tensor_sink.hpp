// An output format: how the tensors of one merge become files. The mirror of a checkpoint reader.
//
// Life of a sink, on every rank: construct, prepare() (collective), write() any number of times from any worker thread,
// finish() (collective). All positions are known after prepare(); ranges that ranks write never overlap.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comm/communicator.hpp"
#include "core/range.hpp"
#include "core/tensor.hpp"
#include "io/digest.hpp"
#include "io/kernel_copy.hpp"

namespace stockpot::io {

/// How bytes get into files. The files are the same.
enum class Writing {
  cached,  ///< all through the page cache; space is reserved
  sparse,  ///< no space is reserved, and what is all zeros becomes a hole: also where an earlier attempt left something else
  direct  ///< whole blocks past the page cache, see PosixSink::write_directly(); space is reserved
};

/// What a sink needs to know before the first byte.
struct OutputLayout {
  struct File {
    std::string name;
    std::vector<std::uint32_t> tensors;  ///< in file order
    std::vector<std::uint64_t> offsets;  ///< of each, from the start of the data section
  };
  std::string directory;  ///< the staging directory, with the files beside the weights already in it
  std::vector<TensorInfo> tensors;
  std::vector<File> files;                                    ///< shards; a format of one file ignores them
  std::vector<std::pair<std::string, std::string>> metadata;  ///< __metadata__ or attributes
  Writing writing = Writing::cached;
  KernelCopies kernel_copies = KernelCopies::never;
};

/// Where a layout's tensors lie, byte for byte, before there is any file.
struct OutputPlaces {
  struct File {
    std::string name;    ///< relative to the directory
    std::string header;  ///< what stands before the first tensor, if that is known beforehand
    std::uint64_t bytes = 0;
  };
  struct Place {
    std::size_t file = 0;
    std::uint64_t offset = 0;  ///< of its first byte in the file
  };
  std::vector<File> files;
  std::vector<Place> places;  ///< of each tensor
};

/// Runs a closure on the rank's main thread and waits for it: for libraries that only that thread may call. What the
/// closure throws, the caller gets.
using OnMainThread = std::function<void(const std::function<void()>&)>;

/// A file of the output that holds tensors.
struct TensorFile {
  std::string name;  ///< relative to the directory
  std::uint64_t bytes = 0;
  Digest header;                       ///< of what describes the tensors (digest.hpp); rank 0 only
  std::vector<std::uint32_t> tensors;  ///< in file order, indices into OutputLayout::tensors
};

/// Elements of a tensor of the output, as they are to be stored.
struct EncodedRange {
  std::uint32_t tensor = 0;  ///< index into OutputLayout::tensors
  ElementRange range;
  std::span<const std::byte> bytes;
  std::optional<StoredRun> from;  ///< where they lie in an input file; nothing: in none
};

class TensorSink {
 public:
  virtual ~TensorSink() = default;
  /// What of the layout the format has no place for, a warning each.
  virtual std::vector<std::string> left_out() const { return {}; }
  /// Collective. Creates the files with their final size and everything but tensor data, or opens those that are there. Throws alike on all ranks.
  virtual void prepare(const comm::Communicator&) = 0;
  /// Local, thread safe for ranges that do not overlap.
  /// @param tensor  index into OutputLayout::tensors.   @param bytes  the encoded elements of `range`.
  virtual void write(std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes) = 0;
  /// The same for elements that lie in an input file as `bytes`, which the storage may be able to copy by itself.
  virtual void copy(std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes, const StoredRun&) {
    write(tensor, range, bytes);
  }
  /// write() or copy() of each: what lies in one run of memory and of a file in as few transfers as that takes.
  virtual void write_all(std::span<const EncodedRange> all) {
    for (const EncodedRange& one : all) {
      one.from ? copy(one.tensor, one.range, one.bytes, *one.from) : write(one.tensor, one.range, one.bytes);
    }
  }
  /// Whether a later attempt can go on with the files: then write() may be called for what it still lacks only.
  virtual bool resumable() const { return false; }
  /// Local, any thread. Returns when what write() has returned for is on storage. @throws Error; the data may be lost then.
  virtual void flush() {}
  /// Collective. Syncs and closes everything. Throws alike on all ranks.
  virtual void finish(const comm::Communicator&) = 0;
  /// After prepare(): the files that hold tensors, the same on every rank except for `header`.
  virtual std::vector<TensorFile> files() const = 0;
};

}  // namespace stockpot::io
