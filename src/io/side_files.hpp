// The files beside the weights that make a checkpoint loadable: configuration, tokenizer, chat template, processors.
// They come from one of the input models, the donor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.hpp"

namespace stockpot::io {

/// What the merge changes in the donor's config.json.
struct ConfigEdits {
  std::optional<DType> dtype;               ///< of the weights; nothing: keep what the donor says
  bool untie_head = false;                  ///< the output has a head of its own although the donor's was its embedding
  std::optional<std::uint64_t> vocab_size = {};  ///< rows of the embeddings, where they are not the donor's
};

/// A config.json with the edits made and `_name_or_path` removed. Keys keep their order, numbers their value. The dtype
/// goes to the keys `torch_dtype` and `dtype` that are there, to `torch_dtype` if there is none; and in objects called
/// *_config, at any depth, to those that are there; so does the vocabulary's size, `vocab_size`. `tie_word_embeddings` becomes false at top level, and in those
/// objects where it is there.
/// @param path  for messages.   @throws Error(corrupt_input) if the text is no JSON object.
std::string edited_config(std::string_view config, const ConfigEdits& edits, const std::string& path);

struct SideFileOptions {
  bool tokenizer = true;
  ConfigEdits config;
};

/// Local. Copies the donor's side files as regular files and writes its edited config.json.
/// @param donor      the model's directory; if it is a file, a model without side files.
/// @param directory  gets the files, synced.
/// @return warnings: no configuration, or no tokenizer (TOK052).
std::vector<std::string> copy_side_files(const std::string& donor, const std::string& directory,
                                         const SideFileOptions& options);

}  // namespace stockpot::io
