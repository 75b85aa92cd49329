// An output's config.json and generation_config.json: the anchor's, with what the merge changed. Keys keep their order,
// numbers their spelling; what is not named here stays.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/config_edits.hpp"

namespace stockpot::io {

/// - `_name_or_path`, and if weights were dequantised `quantization_config`, go.
/// - The dtype goes to the keys `torch_dtype` and `dtype` that are there, to `torch_dtype` if there is none.
/// - `tie_word_embeddings` becomes false, also where it is missing: many classes take a missing key for true.
/// - `vocab_size` changes where the text model has it with the anchor's value, or, if that is unknown, wherever it is;
///   if it is nowhere, it is added to the text model's object. Another value stays, with a warning.
/// - Assignments are made at top level. Their values have to be JSON; new keys come last.
/// - Layer counts change, and with them what their object says layer by layer (config_layers.hpp).
/// - `bos_token_id` and its like change where the text model has them.
/// All of these but layers, vocabulary and token ids also in objects called *_config, at any depth, there only to keys
/// that exist.
/// @param path      for messages.
/// @param warnings  gets ARC030 and ARC031 (layers), ARC032 (no place for an edit), TOK012 (a token id stays).
/// @throws Error(corrupt_input) if the text is no JSON object.
std::string edited_config(std::string_view config, const ConfigEdits& edits, const std::string& path,
                          std::vector<std::string>& warnings);

/// The token ids alone. Requires edits.token_ids. Otherwise as edited_config().
std::string edited_generation_config(std::string_view config, const ConfigEdits& edits, const std::string& path,
                                     std::vector<std::string>& warnings);

/// An id of a special token that a configuration names.
struct NamedTokenId {
  std::string key;  ///< "eos_token_id"
  std::uint64_t id = 0;
  bool operator==(const NamedTokenId&) const = default;
};

/// Those of a config.json or generation_config.json, where edited_config() would translate them: each once.
/// @throws Error(corrupt_input) if the text is no JSON object.
std::vector<NamedTokenId> named_token_ids(std::string_view config, const std::string& path);

/// What must be changed in a config.json for the output to load, for a model that has none: "vocab_size = 32004".
std::vector<std::string> needed_edits(const ConfigEdits& edits);

}  // namespace stockpot::io
