// Members of a tokenizer's parts, where other values than those expected mean another kind of tokenizer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/json_slices.hpp"

namespace stockpot::tokenizer {

/// @throws NotEncodable if it is not there, or `value` is no object.
JsonValue member(JsonValue value, std::string_view key);
/// A text. @throws NotEncodable
std::string member_text(JsonValue value, std::string_view key);
/// true or false. @param otherwise  where it is not there.
bool member_flag(JsonValue value, std::string_view key, bool otherwise);
/// @throws NotEncodable
std::vector<JsonValue> member_list(JsonValue value, std::string_view key);
/// A name out of a file, for messages.
std::string shown_type(std::string_view type);

}  // namespace stockpot::tokenizer
