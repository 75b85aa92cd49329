// The default output: safetensors shards that all ranks write at offsets known before the first byte.
//
// Rank 0 makes each file at its final size, header included; the others open it when they have something for it, and
// never create. Every rank works out by itself where the data of each file starts.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "io/posix_file.hpp"
#include "io/tensor_sink.hpp"

namespace stockpot::io {

class SafetensorsSink final : public TensorSink {
 public:
  explicit SafetensorsSink(OutputLayout layout);

  void prepare(const comm::Communicator& comm) override;
  void write(std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes) override;
  /// Collective. Also writes the index, if there are several files.
  void finish(const comm::Communicator& comm) override;

  std::vector<TensorFile> files() const override;

 private:
  struct Place {
    std::size_t file = 0;
    std::uint64_t offset = 0;  ///< from the start of the data
  };
  struct Shard {
    std::string path;
    std::uint64_t data_start = 0, bytes = 0;
    Digest header_digest;
    std::mutex opening;
    std::optional<PosixSink> open_file;  ///< once this rank has written to it
  };

  std::string header_of(const OutputLayout::File& file) const;
  PosixSink& opened(Shard& shard);
  void check_and_index() const;

  OutputLayout layout_;
  std::vector<Place> places_;  ///< of each tensor
  std::vector<Shard> shards_;  ///< parallel to layout_.files
};

}  // namespace stockpot::io
