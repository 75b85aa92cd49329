// PyTorch distributed checkpoints: a folder distcp/ with .metadata and __0_0.distcp, __1_0.distcp ...
//
// Each file holds the tensors of one shard, each as a zip file of its own. Their number follows from the plan like that
// of safetensors shards, not from the ranks, and every place is known before the first byte. What is not known then is
// the checksum that a zip file has of its entries: each rank adds up those of what it writes, and the last step puts
// them together. Bytes that an earlier attempt wrote are read back for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/dcp_metadata.hpp"
#include "io/output_file.hpp"
#include "io/run_checksums.hpp"
#include "io/tensor_sink.hpp"

namespace stockpot::io {

/// Shard k of `layout.files` is distcp/__k_0.distcp. @throws Error(recipe) for a type that PyTorch does not have.
OutputPlaces dcp_places(const OutputLayout& layout);

class DcpSink final : public TensorSink {
 public:
  explicit DcpSink(OutputLayout layout);

  std::vector<std::string> left_out() const override;
  void prepare(const comm::Communicator& comm) override;
  void write(std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes) override;
  void copy(std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes, const StoredRun& from) override;
  bool resumable() const override { return true; }
  void flush() override { shards_.flush(); }
  /// Collective. Also writes what stands between the tensors, and .metadata.
  void finish(const comm::Communicator& comm) override;

  std::vector<TensorFile> files() const override;

 private:
  void put(std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes,
           const std::optional<StoredRun>& from);
  void complete_checksums(const comm::Communicator& comm);
  std::string checksums_of_share(const comm::Communicator& comm, const std::vector<TensorRun>& gaps) const;
  void write_frames();
  void write_metadata();
  std::string folder() const { return layout_.directory + "/" + dcp_folder; }

  OutputLayout layout_;
  OutputFiles shards_;
  RunChecksums checksums_;
  std::vector<Digest> frame_digests_;  ///< parallel to layout_.files; rank 0 only
  TensorFile metadata_;
};

}  // namespace stockpot::io
