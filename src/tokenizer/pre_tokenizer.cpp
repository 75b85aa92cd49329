#include "tokenizer/pre_tokenizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <utility>

#include "tokenizer/json_members.hpp"
#include "tokenizer/not_encodable.hpp"

namespace stockpot::tokenizer {
namespace {

constexpr std::size_t max_steps = 64;
constexpr std::size_t max_text = std::size_t{16} << 20;  // steps may lengthen it, one after another
constexpr std::size_t max_mark = 16;                     // bytes of the sign that stands for a space
// GPT-2's words.
constexpr std::string_view gpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::array behaviors{"Isolated", "Removed", "Contiguous", "MergedWithPrevious", "MergedWithNext"};

/// Bytes that are printable stand for themselves, the others for the characters from U+0100 on, in ascending order.
std::array<std::string, 256> byte_characters() {
  std::array<std::string, 256> characters;
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool printed = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    const char32_t c = printed ? byte : next++;
    characters[byte] = c < 0x80 ? std::string(1, static_cast<char>(c))
                                : std::string{static_cast<char>(0xc0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3f))};
  }
  return characters;
}

void append_spans(const Word& word, std::vector<Span> spans, std::vector<Word>& out) {
  bool first = word.first;
  for (Span& span : spans) out.push_back({std::move(span.text), std::exchange(first, false)});
}

/// Matches are joined to what lies before them. @param spans  in the order of the text, or for the other side reversed.
std::vector<Span> joined_to_neighbour(const std::vector<Span>& spans, bool reversed) {
  std::vector<Span> out;
  bool match_before = false;
  for (const Span& span : spans) {
    if (span.matches && !match_before && !out.empty()) {
      out.back().text = reversed ? span.text + out.back().text : out.back().text + span.text;
    } else {
      out.push_back(span);
    }
    match_before = span.matches;
  }
  return out;
}

std::string with_spaces_replaced(const std::string& text, const std::string& by) {
  std::string out;
  for (const char c : text) c == ' ' ? out.append(by) : out.append(1, c);
  return out;
}

}  // namespace

std::string byte_level(const std::string& text) {
  static const std::array<std::string, 256> characters = byte_characters();
  std::string out;
  for (const char byte : text) out += characters[static_cast<unsigned char>(byte)];
  return out;
}

std::vector<Span> joined(std::vector<Span> spans, const std::string& behavior) {
  if (std::ranges::find(behaviors, behavior) == behaviors.end()) {
    throw NotEncodable(fmt::format("the behavior of a split is {}", shown_type(behavior)));
  }
  if (behavior == "Removed") std::erase_if(spans, [](const Span& span) { return span.matches; });
  if (behavior == "MergedWithPrevious") return joined_to_neighbour(spans, false);
  if (behavior == "MergedWithNext") {
    std::ranges::reverse(spans);
    std::vector<Span> out = joined_to_neighbour(spans, true);
    std::ranges::reverse(out);
    return out;
  }
  if (behavior != "Contiguous") return spans;
  std::vector<Span> out;
  for (Span& span : spans) {
    const bool same = !out.empty() && out.back().matches == span.matches;
    same ? void(out.back().text += span.text) : out.push_back(std::move(span));
  }
  return out;
}

PreTokenizer::PreTokenizer(std::optional<JsonValue> pre_tokenizer) {
  if (pre_tokenizer && *pre_tokenizer != "null") add(*pre_tokenizer);
}

std::vector<Word> PreTokenizer::apply(Word text, const Deadline& deadline) const {
  std::vector<Word> words{std::move(text)};
  for (const Step& step : steps_) {
    std::vector<Word> next;
    std::size_t counted = 0, bytes = 0;
    for (const Word& word : words) {
      deadline.check();
      step(word, next);
      for (; counted < next.size(); ++counted) bytes += next[counted].text.size();
      if (bytes > max_text) throw NotEncodable("its pre-tokenizer makes the text too long");
    }
    std::erase_if(next, [](const Word& word) { return word.text.empty(); });
    words = std::move(next);
  }
  return words;
}

void PreTokenizer::add(JsonValue pre_tokenizer) {
  if (steps_.size() >= max_steps) throw NotEncodable("its pre-tokenizer has too many steps");
  const std::string type = member_text(pre_tokenizer, "type");
  if (type == "Sequence") {
    for (const JsonValue step : member_list(pre_tokenizer, "pretokenizers")) add(step);
  } else if (type == "Split") {
    add_split(pre_tokenizer);
  } else if (type == "ByteLevel") {
    add_byte_level(pre_tokenizer);
  } else if (type == "Metaspace") {
    add_metaspace(pre_tokenizer);
  } else if (type == "Digits") {
    add_expression(R"(\p{N})", member_flag(pre_tokenizer, "individual_digits", false) ? "Isolated" : "Contiguous");
  } else if (type == "Punctuation") {
    const bool said = find_member(pre_tokenizer, "behavior").has_value();
    add_expression(R"([\p{P}$+<=>^`|~])", said ? member_text(pre_tokenizer, "behavior") : "Isolated");
  } else {
    throw NotEncodable(fmt::format("its pre-tokenizer is {}", shown_type(type)));
  }
}

void PreTokenizer::add_expression(const std::string& pattern, const std::string& behavior) {
  joined({}, behavior);  // known
  const auto expression = std::make_shared<const Expression>(pattern);
  steps_.push_back([expression, behavior](const Word& in, std::vector<Word>& out) {
    append_spans(in, joined(expression->split(in.text), behavior), out);
  });
}

void PreTokenizer::add_split(JsonValue split) {
  const JsonValue pattern = member(split, "pattern");
  const std::string behavior = member_text(split, "behavior");
  const bool invert = member_flag(split, "invert", false);
  joined({}, behavior);  // known
  std::function<std::vector<Span>(const std::string&)> cut;
  if (is_object(pattern) && find_member(pattern, "String")) {
    const std::string wanted = member_text(pattern, "String");
    if (wanted.empty()) throw NotEncodable("its pre-tokenizer splits at nothing");
    cut = [wanted](const std::string& text) { return split_at(text, wanted); };
  } else {
    const auto expression = std::make_shared<const Expression>(member_text(pattern, "Regex"));
    cut = [expression](const std::string& text) { return expression->split(text); };
  }
  steps_.push_back([cut, behavior, invert](const Word& in, std::vector<Word>& out) {
    std::vector<Span> spans = cut(in.text);
    for (Span& span : spans) span.matches = span.matches != invert;
    append_spans(in, joined(std::move(spans), behavior), out);
  });
}

void PreTokenizer::add_byte_level(JsonValue byte_level_step) {
  const bool space = member_flag(byte_level_step, "add_prefix_space", true);
  if (space) {
    steps_.push_back([](const Word& in, std::vector<Word>& out) {
      out.push_back({in.text.starts_with(' ') ? in.text : ' ' + in.text, in.first});
    });
  }
  if (member_flag(byte_level_step, "use_regex", true)) add_expression(std::string(gpt2), "Isolated");
  steps_.push_back([](const Word& in, std::vector<Word>& out) { out.push_back({byte_level(in.text), in.first}); });
}

/// Files of before `prepend_scheme` say `add_prefix_space`.
void PreTokenizer::add_metaspace(JsonValue metaspace) {
  const std::string mark = member_text(metaspace, "replacement");
  if (mark.empty() || mark.size() > max_mark) throw NotEncodable("its pre-tokenizer has no mark for spaces");
  const bool said = find_member(metaspace, "prepend_scheme").has_value();
  const std::string scheme = said ? member_text(metaspace, "prepend_scheme")
                             : member_flag(metaspace, "add_prefix_space", true) ? "always"
                                                                                : "never";
  if (scheme != "always" && scheme != "first" && scheme != "never") {
    throw NotEncodable(fmt::format("its pre-tokenizer's prepend_scheme is {}", shown_type(scheme)));
  }
  const bool split = member_flag(metaspace, "split", true);
  steps_.push_back([mark, scheme, split](const Word& in, std::vector<Word>& out) {
    std::string text = with_spaces_replaced(in.text, mark);
    const bool wanted = scheme == "always" || (scheme == "first" && in.first);
    if (wanted && !text.starts_with(mark)) text = mark + text;
    if (!split) return out.push_back({std::move(text), in.first});
    append_spans({"", in.first}, joined(split_at(text, mark), "MergedWithNext"), out);
  });
}

}  // namespace stockpot::tokenizer
