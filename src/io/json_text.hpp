// JSON that is read to be written again with a few values changed: a number keeps its spelling (1e-05, 1000000.0), an
// object the order of its keys.
//
// Not the DOM of nlohmann-json, which keeps a number's value only. For looking alone json.hpp is the shorter way.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace stockpot::io {

class JsonText {
 public:
  struct Member;
  using Array = std::vector<JsonText>;
  using Object = std::vector<Member>;

  JsonText() = default;  ///< null
  static JsonText boolean(bool value) { return JsonText(value); }
  static JsonText number(std::uint64_t value) { return JsonText(Number{std::to_string(value)}); }
  static JsonText number_spelled(std::string spelling) { return JsonText(Number{std::move(spelling)}); }
  static JsonText text(std::string_view utf8) { return JsonText(std::string(utf8)); }
  static JsonText array(Array items);
  static JsonText object();

  /// The value, if it is of that kind; else nullptr.
  Array* as_array() { return std::get_if<Array>(&value_); }
  const Array* as_array() const { return std::get_if<Array>(&value_); }
  Object* as_object() { return std::get_if<Object>(&value_); }
  const Object* as_object() const { return std::get_if<Object>(&value_); }
  const std::string* as_text() const { return std::get_if<std::string>(&value_); }
  /// A number that is a plain unsigned integer below 2^64: neither 1.0 nor -0.
  std::optional<std::uint64_t> as_unsigned() const;

  /// The member of an object, or nullptr; also if this is no object. Looks at one key after the other.
  JsonText* find(std::string_view key);
  const JsonText* find(std::string_view key) const;
  /// The value at a path of keys, "thinker_config.text_config"; this one at "". Or nullptr.
  JsonText* at_path(std::string_view dotted);
  /// Requires an object. A new key comes last, another keeps its place.
  void set(std::string_view key, JsonText value);
  void erase(std::string_view key);

  bool operator==(const JsonText&) const;

  /// Indented by two spaces, non-ASCII characters as they are, without a line end at the end.
  std::string dump() const;

 private:
  struct Number {
    std::string spelling;
    bool operator==(const Number&) const = default;
  };
  using Value = std::variant<std::monostate, bool, Number, std::string, Array, Object>;

  template <typename Kind>
  explicit JsonText(Kind value) : value_(std::move(value)) {}
  void dump_to(std::string& out, std::size_t indent) const;

  Value value_;
};

struct JsonText::Member {
  std::string key;
  JsonText value;
  bool operator==(const Member&) const = default;
};

/// With the limits and errors of parse_json (json.hpp), but objects may have any number of keys: added_tokens_decoder has
/// one for each token of a union. Of two equal keys the last value counts, in the place of the first. Infinity, -Infinity and
/// NaN, as Python writes them, are numbers that keep their spelling.
JsonText parse_json_text(std::string_view text, std::string_view path, std::string_view code);

/// The same of a text that must be an object. @throws Error(corrupt_input) with `code` if it is another value.
JsonText parse_json_object(std::string_view text, std::string_view path, std::string_view code);

}  // namespace stockpot::io
