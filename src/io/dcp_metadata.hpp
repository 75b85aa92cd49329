// The .metadata file of a PyTorch distributed checkpoint: which part of which tensor lies where.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/tensor.hpp"

namespace stockpot::io {

/// The folder of an output in this format, which is what PyTorch calls the checkpoint.
inline constexpr const char* dcp_folder = "distcp";
inline constexpr const char* dcp_metadata_name = ".metadata";
/// That file as the manifest of an output calls it.
inline constexpr const char* dcp_index_name = "distcp/.metadata";

/// A whole tensor in one item of a checkpoint.
struct DcpItem {
  const TensorInfo* info;
  std::string_view file;     ///< beside .metadata
  std::uint64_t offset = 0;  ///< of the item in it
  std::uint64_t bytes = 0;
};

/// What .metadata holds: a pickle. @param items  in the order in which they are to be listed.
std::string write_dcp_metadata(std::span<const DcpItem> items);

}  // namespace stockpot::io
