// What the .metadata of a PyTorch distributed checkpoint says, before any other file is opened.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/range.hpp"
#include "core/tensor.hpp"

namespace stockpot::io {

/// A part of a tensor: a box of it, and the item of a file that holds the box.
struct DcpChunk {
  Shape start, count;  ///< as PyTorch counts: two 4-bit elements are one
  std::string file;    ///< a plain name, beside .metadata
  ByteRange item;      ///< a zip file of its own

  auto box() const { return std::tie(start, count); }
};

struct DcpTensor {
  TensorInfo info;
  std::vector<DcpChunk> chunks;  ///< ascending by start; they cover the tensor and do not overlap
};

struct DcpIndex {
  std::vector<DcpTensor> tensors;     ///< ascending by name
  std::vector<std::string> left_out;  ///< of the training state: optimizer and the like
};

/// A file of metadata, in memory.
struct DcpMetadata {
  std::string bytes;
  std::string path;  ///< for messages
};

/// Whose names a checkpoint has: in a trainer's what is not the model has names of its own.
enum class DcpNames { of_the_model, of_a_trainer };

/// @param files  one as a rule; of ranks that wrote without knowing of each other one for each, which are united.
/// @param names  of_a_trainer: its state is left out.
/// @throws Error(corrupt_input): as read_pickle(); FMT050 for what is no index of such a checkpoint, FMT051 if the chunks of
///         a tensor do not cover it or overlap, FMT052 if data was compressed, FMT002 for a file name that leads
///         elsewhere, FMT042 if there are no tensors.
DcpIndex read_dcp_index(std::span<const DcpMetadata> files, DcpNames names);

/// Takes off what training scripts put before the names of a whole model: "module.", "state_dict." or "app." before all of
/// them, "model." before those of the model and of its head.
void strip_wrappers(DcpIndex& index);

}  // namespace stockpot::io
