#include "tokenizer/begin_of_text.hpp"

#include "core/error.hpp"
#include "tokenizer/json_slices.hpp"

namespace stockpot::tokenizer {

std::string begin_of_text(std::string_view config, std::string_view path) {
  const JsonValue document = check_configuration(config, path);
  if (!is_object(document)) {
    throw Error(ErrorKind::corrupt_input, "this is not a JSON object").code("FMT022").in_file(std::string(path));
  }
  auto token = find_member(document, "bos_token");
  if (token && is_object(*token)) token = find_member(*token, "content");
  return token && is_text(*token) ? text_of(*token) : "";
}

}  // namespace stockpot::tokenizer
