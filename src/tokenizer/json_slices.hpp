// JSON texts of hundreds of thousands of values, read where they stand: a value is the piece of text that spells it.
//
// Why neither a DOM nor events: a tokenizer.json has up to a million values, of which we change a few. What is not
// changed must come back as it was spelled (scores of Unigram tokens: -11.0 is not -11), in its order, unknown keys
// included. A piece of text does all that and takes no memory of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stockpot::tokenizer {

/// The text of one value of a JSON text that check_json() or check_configuration() has accepted, without white space around
/// it. It lives as long as that text.
using JsonValue = std::string_view;

struct JsonMember {
  std::string key;
  JsonValue value;
};

/// Checks that `text` is JSON within our limits and returns its outermost value.
/// @param path  for messages.
/// @throws Error(corrupt_input): FMT005 for more than 256 MiB, 64 levels or 16 million values; FMT021 if it is not
///         UTF-8; FMT022 if it is not JSON.
JsonValue check_json(std::string_view text, std::string_view path);
/// Likewise of the files that Python's json module writes and reads beside tokenizer.json: values may be Infinity and NaN.
JsonValue check_configuration(std::string_view text, std::string_view path);

bool is_object(JsonValue value);
bool is_array(JsonValue value);
bool is_text(JsonValue value);
/// The characters that a JSON string stands for. @pre is_text(value)
std::string text_of(JsonValue value);
/// A plain unsigned integer; nothing for any other value.
std::optional<std::uint64_t> unsigned_of(JsonValue value);

/// Calls `use` for each element. @pre is_array(value)
void for_each_element(JsonValue value, const std::function<void(JsonValue)>& use);
/// Calls `use` for each member, in the order of the text; equal keys come as often as they stand there.
/// @pre is_object(value)
void for_each_member(JsonValue value, const std::function<void(JsonMember)>& use);
/// The last member with that key. @pre is_object(value)
std::optional<JsonValue> find_member(JsonValue value, std::string_view key);

/// A JSON string for `text`, in its quotes; only what must be escaped is. @pre text is UTF-8
std::string json_string(std::string_view text);

/// A piece of a text and what shall stand in its place.
struct Replacement {
  std::string_view what;  ///< lies in the text
  std::string by;
};

/// The text with pieces replaced. They may come in any order, and must not overlap.
std::string replaced(std::string_view text, std::vector<Replacement> replacements);

/// The same JSON with one value a line and two spaces a level; numbers keep their spelling. @pre text is JSON
std::string indented(std::string_view text);
/// The same, with a line end after it if `source`, of which `text` was made, has one.
std::string indented_like(std::string_view source, std::string_view text);

}  // namespace stockpot::tokenizer
