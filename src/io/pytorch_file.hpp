// PyTorch's zip files: what torch.save writes since version 1.6 (.bin, .pt, .pth, .ckpt).
//
//   <root>/data.pkl      a pickle: dictionaries, names, and how each tensor views a storage
//   <root>/data/<key>    the bytes of one storage, stored as they are
//   <root>/byteorder     "little" or "big"; missing in old files
//   <root>/version       "3"
//
// The pickle is read whole; of the storages nothing but their place.
#pragma once

#include <string>

#include "io/byte_source.hpp"
#include "io/shard_file.hpp"

namespace stockpot::io {

/// Whether a file begins as a zip does.
bool looks_like_zip(const ByteSource& source);

/// Local. @param shard  gets tensors and warnings.   @param shown  what messages call the file.
/// @throws Error(corrupt_input): FMT030, FMT031 for the zip file, FMT001 for one of something else, FMT041 for TorchScript,
///         FMT043 for one rank's part of a model, FMT032 to FMT035, FMT042, FMT005 and others for what is in it.
void read_pytorch_file(const ByteSource& source, const std::string& shown, ShardFile& shard);

/// Local. The same of a file that holds one tensor and nothing around it: an item of a distributed checkpoint.
/// @param name  what the tensor is called.   @throws Error(corrupt_input): also FMT050 if it is something else.
StoredTensor read_pytorch_tensor(const ByteSource& source, const std::string& shown, const std::string& name);

}  // namespace stockpot::io
