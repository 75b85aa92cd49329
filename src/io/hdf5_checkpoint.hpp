// The HDF5 checkpoint, layout version 1: everything of the file but the tensors' data.
//
//   /                 attributes format, format_version, producer, tensor_count, and the merge's metadata
//   /tensors/<name>   a contiguous dataset per tensor with its type as attribute dtype; "%" is written "%25",
//                     "/" "%2F", NUL "%00", and a name that is just "." "%2E"
//   /meta/catalogue   JSON {"tensors": {name: {dtype, shape, offset, nbytes}}}, offsets from the start of the file
//   /meta/files/<f>   config.json, tokenizer.json ...: one file is a whole model
// The same tensors give the same bytes: no object has a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/hdf5_handle.hpp"
#include "io/tensor_sink.hpp"

namespace stockpot::io {

/// What readers, and ranks that did not make the file, want to know of it.
struct Hdf5Summary {
  std::uint64_t file_bytes = 0;
  std::vector<std::uint64_t> offsets;  ///< of each tensor's data; 0 for a tensor without bytes
  std::string catalogue;               ///< the text of /meta/catalogue
};

/// Local, one rank. Makes the file at its final size, with space reserved where the file system can.
/// Ninety thousand datasets take seconds this way; in parallel, with every rank agreeing on each, they take minutes.
Hdf5Summary create_hdf5_checkpoint(const std::string& path, const OutputLayout& layout);

/// Local, or collective if `communicator` is not null. Opens such a file for writing data.
/// @param communicator  what Communicator::native() gives.
H5File open_hdf5_checkpoint(const std::string& path, const void* communicator);

/// Local. Re-opens a finished file. @throws Error(storage) unless it has this size and this number of datasets.
void check_hdf5_checkpoint(const std::string& path, std::uint64_t file_bytes, std::size_t tensors);

/// Local. The text of /meta/catalogue of a file that Stockpot wrote. Untrusted.
/// @throws Error(corrupt_input, FMT060) if the file has none.
std::string read_hdf5_catalogue(const std::string& path);

/// Path of a tensor's dataset, its name escaped.
std::string hdf5_dataset_path(std::string_view tensor_name);

}  // namespace stockpot::io
