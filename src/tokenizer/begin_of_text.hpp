// The token that texts begin with.
#pragma once

#include <string>
#include <string_view>

namespace stockpot::tokenizer {

/// The text of `bos_token` in a tokenizer_config.json or special_tokens_map.json; empty if there is none.
/// @param path  for messages.   @throws Error(corrupt_input) for what is no JSON object.
std::string begin_of_text(std::string_view config, std::string_view path);

}  // namespace stockpot::tokenizer
