#include "io/json_events.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/utf8.hpp"

namespace stockpot::io {
namespace {

/// The library's explanation without its own error number: "[json.exception.parse_error.101] parse error at ..."
std::string explanation(const nlohmann::detail::exception& error) {
  const std::string_view text = error.what();
  const auto bracket = text.find("] ");
  return std::string(text.substr(bracket == text.npos ? 0 : bracket + 2, 300));
}

}  // namespace

JsonEvents::JsonEvents(std::string_view path, std::string_view code, std::size_t depth_limit)
    : path_(path), code_(code), depth_limit_(depth_limit) {}

void JsonEvents::read(std::string_view text, std::uint64_t first_byte) {
  first_byte_ = first_byte;
  end_byte_ = first_byte + text.size();
  if (!is_utf8(text)) refuse("FMT021", "the JSON text is not UTF-8");
  if (text.starts_with("\xEF\xBB\xBF")) refuse(code_, "a byte-order mark stands before the JSON text");
  if (text.find('\0') != text.npos) refuse(code_, "the JSON text contains a NUL byte");  // ends it, for the library
  nlohmann::json_sax<nlohmann::json>& events = *this;  // the library looks for public functions
  nlohmann::json::sax_parse(text.begin(), text.end(), &events);
}

bool JsonEvents::enter(bool is_object) {
  if (depth_ >= depth_limit_) refuse("FMT005", fmt::format("the JSON text nests deeper than {} levels", depth_limit_));
  begin(is_object);
  ++depth_;
  return true;
}

bool JsonEvents::leave() {
  --depth_;
  end();
  return true;
}

void JsonEvents::refuse(std::string_view code, const std::string& sentence) const {
  throw Error(ErrorKind::corrupt_input, sentence).code(code).in_file(path_);
}

void JsonEvents::refuse_value() const {
  throw Error(ErrorKind::corrupt_input, "a value is of another kind than it should be").code(code_).in_file(path_);
}

bool JsonEvents::parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) {
  throw Error(ErrorKind::corrupt_input, "not valid JSON")
      .code(code_)
      .in_file(path_)
      .at_byte(std::min<std::uint64_t>(first_byte_ + position, end_byte_), end_byte_)
      .with("reason", explanation(error));
}

}  // namespace stockpot::io
