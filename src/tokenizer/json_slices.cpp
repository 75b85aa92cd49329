#include "tokenizer/json_slices.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "io/json.hpp"
#include "io/json_events.hpp"
#include "io/json_words.hpp"

namespace stockpot::tokenizer {
namespace {

constexpr std::size_t max_values = 16'000'000;  // a vocabulary of 256,000 tokens and its merges have 2 million
constexpr std::string_view white_space = " \t\n\r";

/// Accepts any JSON, and counts.
class AnyJson final : public io::JsonEvents {
 public:
  explicit AnyJson(std::string_view path) : JsonEvents(path, "FMT022", io::max_json_depth) {}

 private:
  void begin(bool) override { count(); }
  void end() override {}
  void on_key(std::string&) override { count(); }
  void on_text(std::string&) override { count(); }
  void on_unsigned(std::uint64_t) override { count(); }
  void on_null() override { count(); }
  void on_other() override { count(); }

  void count() {
    if (++values_ > max_values) refuse("FMT005", "the JSON text has more than 16 million values");
  }
  std::size_t values_ = 0;
};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(white_space);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

/// Just past the string whose opening quote stands at `at`.
std::size_t end_of_text(std::string_view text, std::size_t at) {
  for (at = text.find_first_of("\"\\", at + 1); text[at] == '\\'; at = text.find_first_of("\"\\", at + 2)) {
  }
  return at + 1;
}

/// Just past the value that begins at `at`.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  if (text[at] == '"') return end_of_text(text, at);
  if (text[at] != '{' && text[at] != '[') return std::min(text.size(), text.find_first_of(",]} \t\n\r", at));
  std::size_t open = 0;
  do {
    at = text.find_first_of("\"[]{}", at);
    if (text[at] == '"') {
      at = end_of_text(text, at);
      continue;
    }
    const bool opens = text[at] == '[' || text[at] == '{';
    opens ? ++open : --open;
    ++at;
  } while (open > 0);
  return at;
}

/// Walks along the members or elements of a container.
class Walk {
 public:
  explicit Walk(JsonValue container) : text_(container) { skip(); }
  bool at_end() const { return text_[at_] == ']' || text_[at_] == '}'; }
  /// The value here, a key included; moves past it and the sign that follows.
  JsonValue next() {
    const std::size_t begin = at_;
    at_ = end_of_value(text_, begin);
    const JsonValue value = text_.substr(begin, at_ - begin);
    at_ = text_.find_first_not_of(white_space, at_);
    if (text_[at_] == ',' || text_[at_] == ':') skip();
    return value;
  }

 private:
  void skip() { at_ = text_.find_first_not_of(white_space, at_ + 1); }
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

JsonValue check_json(std::string_view text, std::string_view path) {
  if (text.size() > io::max_json_bytes) {
    throw Error(ErrorKind::corrupt_input, "the JSON text is larger than 256 MiB").code("FMT005").in_file(path);
  }
  AnyJson(path).read(text);
  return trimmed(text);
}

JsonValue check_configuration(std::string_view text, std::string_view path) {
  const auto with_stand_ins = text.size() > io::max_json_bytes ? std::nullopt : io::with_stand_ins(text);
  check_json(with_stand_ins ? *with_stand_ins : text, path);
  return trimmed(text);
}

bool is_object(JsonValue value) { return value.starts_with('{'); }
bool is_array(JsonValue value) { return value.starts_with('['); }
bool is_text(JsonValue value) { return value.starts_with('"'); }

std::string text_of(JsonValue value) {
  if (value.find('\\') == value.npos) return std::string(value.substr(1, value.size() - 2));
  return nlohmann::json::parse(value).get<std::string>();
}

std::optional<std::uint64_t> unsigned_of(JsonValue value) {
  std::uint64_t number = 0;
  const auto [end, mistake] = std::from_chars(value.begin(), value.end(), number);
  if (mistake != std::errc{} || end != value.end()) return std::nullopt;
  return number;
}

void for_each_element(JsonValue value, const std::function<void(JsonValue)>& use) {
  for (Walk walk(value); !walk.at_end();) use(walk.next());
}

void for_each_member(JsonValue value, const std::function<void(JsonMember)>& use) {
  for (Walk walk(value); !walk.at_end();) {
    std::string key = text_of(walk.next());
    use({std::move(key), walk.next()});
  }
}

std::optional<JsonValue> find_member(JsonValue value, std::string_view key) {
  std::optional<JsonValue> found;
  for_each_member(value, [&](const JsonMember& member) {
    if (member.key == key) found = member.value;
  });
  return found;
}

std::string json_string(std::string_view text) { return nlohmann::json(text).dump(); }

std::string replaced(std::string_view text, std::vector<Replacement> replacements) {
  std::sort(replacements.begin(), replacements.end(),
            [](const Replacement& a, const Replacement& b) { return a.what.data() < b.what.data(); });
  std::string result;
  std::size_t done = 0;
  for (const Replacement& r : replacements) {
    const auto begin = static_cast<std::size_t>(r.what.data() - text.data());
    result += text.substr(done, begin - done);
    result += r.by;
    done = begin + r.what.size();
  }
  result += text.substr(done);
  return result;
}

std::string indented(std::string_view text) {
  std::string result;
  std::size_t level = 0;
  bool opened = false;  // by the last sign: an empty container stays on its line
  const auto new_line = [&] { result.append(1, '\n').append(2 * level, ' '); };
  for (std::size_t at = 0; (at = text.find_first_not_of(white_space, at)) != text.npos;) {
    const char sign = text[at];
    const bool closes = sign == '}' || sign == ']';
    if (closes) --level;
    if (opened != closes) new_line();
    opened = sign == '{' || sign == '[';
    if (opened) ++level;
    if (std::string_view("{}[],:").find(sign) == std::string_view::npos) {
      const JsonValue value = text.substr(at, end_of_value(text, at) - at);
      result += value.find("\\u") == value.npos ? std::string(value) : json_string(text_of(value));
      at += value.size();
      continue;
    }
    result += sign;
    if (sign == ',') new_line();
    if (sign == ':') result += ' ';
    ++at;
  }
  return result;
}

std::string indented_like(std::string_view source, std::string_view text) {
  std::string result = indented(text);
  if (source.ends_with('\n')) result += '\n';
  return result;
}

}  // namespace stockpot::tokenizer
