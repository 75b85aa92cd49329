#include "io/json_words.hpp"

#include <algorithm>
#include <array>

namespace stockpot::io {
namespace {

struct Word {
  std::string_view spelling, stand_in;  ///< without its quotes: as long together
};

// A control character that no key or value of a configuration has.
constexpr std::array<Word, 3> words{{{"-Infinity", "\x7fminus "}, {"Infinity", "\x7fplus "}, {"NaN", "\x7f"}}};
static_assert(std::ranges::all_of(words, [](const Word& w) { return w.spelling.size() == w.stand_in.size() + 2; }));

bool has_words(std::string_view text) {
  return text.find("Infinity") != std::string_view::npos || text.find("NaN") != std::string_view::npos;
}

/// @param rest  behind a word
bool is_key(std::string_view rest) {
  const std::size_t next = rest.find_first_not_of(" \t\r\n");
  return next != std::string_view::npos && rest[next] == ':';
}

}  // namespace

std::optional<std::string> with_stand_ins(std::string_view text) {
  if (!has_words(text)) return std::nullopt;
  std::string made(text);
  bool in_string = false, any = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') in_string = !in_string;
    if (in_string) {
      if (text[at] == '\\') ++at;
      continue;
    }
    const auto word =
        std::ranges::find_if(words, [&](const Word& w) { return text.substr(at).starts_with(w.spelling); });
    if (word == words.end() || is_key(text.substr(at + word->spelling.size()))) continue;
    made.replace(at, word->spelling.size(), '"' + std::string(word->stand_in) + '"');
    at += word->spelling.size() - 1;
    any = true;
  }
  return any ? std::optional(std::move(made)) : std::nullopt;
}

std::optional<std::string_view> word_of_stand_in(std::string_view text) {
  const auto word = std::ranges::find(words, text, &Word::stand_in);
  return word == words.end() ? std::nullopt : std::optional(word->spelling);
}

}  // namespace stockpot::io
