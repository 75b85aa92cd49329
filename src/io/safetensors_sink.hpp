// The default output: safetensors shards that all ranks write at offsets known before the first byte.
//
// Rank 0 makes each file at its final size, header included; the others open it when they have something for it, and
// never create. Every rank works out by itself where the data of each file starts.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "io/posix_file.hpp"
#include "io/tensor_sink.hpp"

namespace stockpot::io {

/// Where a layout's tensors lie, byte for byte, before there is any file.
struct SafetensorsPlaces {
  struct File {
    std::string path;
    std::string header;
    std::uint64_t bytes = 0;
  };
  struct Place {
    std::size_t file = 0;
    std::uint64_t offset = 0;  ///< of its first byte in the file
  };
  std::vector<File> files;    ///< parallel to OutputLayout::files
  std::vector<Place> places;  ///< of each tensor
};
SafetensorsPlaces safetensors_places(const OutputLayout& layout);

class SafetensorsSink final : public TensorSink {
 public:
  explicit SafetensorsSink(OutputLayout layout);

  void prepare(const comm::Communicator& comm) override;
  void write(std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes) override;
  bool resumable() const override { return true; }
  void flush() override;
  /// Collective. Also writes the index, if there are several files.
  void finish(const comm::Communicator& comm) override;

  std::vector<TensorFile> files() const override;

 private:
  struct Shard {
    std::string path;
    std::uint64_t bytes = 0;
    Digest header_digest;
    std::mutex opening;
    /// Once this rank has written to it: one, or two after a failure. The first stays, since it alone may be told of
    /// bytes that it took and lost.
    std::deque<PosixSink> open_files;
    std::atomic<bool> dirty = false;  ///< written to since it was synced
  };

  PosixSink& opened(Shard& shard);
  /// A descriptor beside the one that failed; nullptr if that was the second already.
  PosixSink* reopened(Shard& shard, const PosixSink& failed);
  std::vector<PosixSink*> files_of(Shard& shard);
  /// A write that fails is done again through a descriptor of its own, once in each file.
  void write_again_once(Shard& shard, std::uint64_t offset, std::span<const std::byte> bytes);
  void check_and_index() const;

  OutputLayout layout_;
  std::vector<SafetensorsPlaces::Place> places_;  ///< of each tensor
  std::vector<Shard> shards_;                     ///< parallel to layout_.files
};

}  // namespace stockpot::io
