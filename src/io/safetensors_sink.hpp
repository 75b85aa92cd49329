// The default output: safetensors shards that all ranks write at offsets known before the first byte.
//
// Rank 0 makes each file at its final size, header included; the others open it when they have something for it, and
// never create. Every rank works out by itself where the data of each file starts.
#pragma once

#include <cstdint>
#include <vector>

#include "io/output_file.hpp"
#include "io/tensor_sink.hpp"

namespace stockpot::io {

/// `layout.files` are the files.
OutputPlaces safetensors_places(const OutputLayout& layout);

class SafetensorsSink final : public TensorSink {
 public:
  explicit SafetensorsSink(OutputLayout layout);

  void prepare(const comm::Communicator& comm) override;
  void write(std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes) override;
  void copy(std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes, const StoredRun& from) override;
  void write_all(std::span<const EncodedRange> all) override { shards_.write_all(layout_.tensors, all); }
  bool resumable() const override { return true; }
  void flush() override { shards_.flush(); }
  /// Collective. Also writes the index, if there are several files.
  void finish(const comm::Communicator& comm) override;

  std::vector<TensorFile> files() const override;

 private:
  void check_and_index() const;

  OutputLayout layout_;
  OutputFiles shards_;
  std::vector<Digest> header_digests_;  ///< parallel to layout_.files; rank 0 only
};

}  // namespace stockpot::io
