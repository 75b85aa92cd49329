// One weight file of a model: its tensors and where they are, whatever format it has.
#pragma once

#include <string>
#include <vector>

#include "core/catalogue.hpp"

namespace stockpot::io {

struct ShardFile {
  StoredFile stored;
  std::vector<StoredTensor> tensors;  ///< names differ; `file` is for whoever puts the shard into a catalogue
  std::vector<std::string> warnings;
};

/// Local. Reads what a file says of its tensors, no data byte. The format is known by the content: each is a reader and a
/// line in shard_file.cpp.
/// @param real_path  what is opened.   @param shown  what messages call it: in a hub cache the real name is a hash.
/// @throws Error(corrupt_input) as the format's reader, or with the class of another format that was recognised.
ShardFile read_shard(const std::string& real_path, const std::string& shown);

}  // namespace stockpot::io
