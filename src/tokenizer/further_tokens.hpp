// Added tokens that files beside tokenizer.json name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tokenizer/tokenizer_file.hpp"

namespace stockpot::tokenizer {

/// Reads `added_tokens_decoder` of tokenizer_config.json or, where that has none, added_tokens.json, as transformers
/// does: what tokenizer.json lacks of it is added when a tokenizer is loaded. Entries that are none are passed over.
/// @param directory  of both files, for messages.
/// @return ascending by id.   @throws Error(corrupt_input): what check_configuration() refuses.
std::vector<FurtherToken> further_tokens(const std::optional<std::string>& tokenizer_config,
                                         const std::optional<std::string>& added_tokens, const std::string& directory);

}  // namespace stockpot::tokenizer
