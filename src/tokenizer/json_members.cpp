#include "tokenizer/json_members.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "tokenizer/not_encodable.hpp"

namespace stockpot::tokenizer {
namespace {

[[noreturn]] void refuse(std::string_view key, std::string_view what) {
  throw NotEncodable(fmt::format("'{}' in a part of it is not {}", key, what));
}

}  // namespace

JsonValue member(JsonValue value, std::string_view key) {
  const auto found = is_object(value) ? find_member(value, key) : std::nullopt;
  if (!found) throw NotEncodable(fmt::format("a part of it has no '{}'", key));
  return *found;
}

std::string member_text(JsonValue value, std::string_view key) {
  const JsonValue found = member(value, key);
  if (!is_text(found)) refuse(key, "a text");
  return text_of(found);
}

bool member_flag(JsonValue value, std::string_view key, bool otherwise) {
  const auto found = is_object(value) ? find_member(value, key) : std::nullopt;
  if (!found || *found == "null") return otherwise;
  if (*found != "true" && *found != "false") refuse(key, "true or false");
  return *found == "true";
}

std::vector<JsonValue> member_list(JsonValue value, std::string_view key) {
  const JsonValue found = member(value, key);
  if (!is_array(found)) refuse(key, "a list");
  std::vector<JsonValue> list;
  for_each_element(found, [&](JsonValue element) { list.push_back(element); });
  return list;
}

std::string shown_type(std::string_view type) { return fmt::format("'{}'", printable(type.substr(0, 40))); }

}  // namespace stockpot::tokenizer
