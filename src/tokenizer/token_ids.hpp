// Which ids added tokens have: those that the library `tokenizers` gives, or those that their file gives.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tokenizer/tokenizer_file.hpp"

namespace stockpot::tokenizer {

/// An added token and the id that a file gives it.
struct WrittenId {
  Token* token;
  std::uint32_t id;
};

/// Sorts tokens by id. If two have the same, those that are no entry of the model's vocabulary get the ids that are
/// written: in a vocabulary with holes the library gives ids that are taken, and what loads the file another way, as
/// Yi's models were trained, fills the holes.
/// @param tokens    with the library's ids.   @param written  of all added tokens, in the order of the file.
/// @param warnings  gets a sentence where written ids do not count, or count in the library's place.
/// @return two tokens that have one id all the same.
std::optional<std::pair<const Token*, const Token*>> settle_ids(std::vector<const Token*>& tokens,
                                                                std::span<const WrittenId> written,
                                                                std::vector<std::string>& warnings);

}  // namespace stockpot::tokenizer
