#include "tokenizer/added_tokens.hpp"

#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>

#include "tokenizer/not_encodable.hpp"

namespace stockpot::tokenizer {
namespace {

constexpr std::size_t max_length = 256;  // bytes; at each place of a text so many are compared at worst

bool is_word_character(UChar32 c) {
  const auto category = u_charType(c);
  return u_hasBinaryProperty(c, UCHAR_ALPHABETIC) || u_hasBinaryProperty(c, UCHAR_JOIN_CONTROL) ||
         category == U_NON_SPACING_MARK || category == U_ENCLOSING_MARK || category == U_COMBINING_SPACING_MARK ||
         category == U_DECIMAL_DIGIT_NUMBER || category == U_CONNECTOR_PUNCTUATION;
}

struct Character {
  UChar32 value = 0;
  std::size_t bytes = 0;
};

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

/// The character that the bytes [first, end) of a text are.
Character character(std::string_view text, std::size_t first, std::size_t end) {
  const std::string_view bytes = text.substr(first, end - first);
  const auto length = static_cast<std::int32_t>(bytes.size());
  return {icu::UnicodeString::fromUTF8(icu::StringPiece(bytes.data(), length)).char32At(0), bytes.size()};
}

/// @pre text is not empty
Character last_character(std::string_view text) {
  std::size_t first = text.size() - 1;
  while (first > 0 && continues(text[first])) --first;
  return character(text, first, text.size());
}

Character first_character(std::string_view text) {
  std::size_t end = 1;
  while (end < text.size() && continues(text[end])) ++end;
  return character(text, 0, end);
}

bool is_white(UChar32 c) { return u_hasBinaryProperty(c, UCHAR_WHITE_SPACE); }

bool stands_alone(std::string_view text, std::size_t first, std::size_t end) {
  const bool word_before = first > 0 && is_word_character(last_character(text.substr(0, first)).value);
  const bool word_behind = end < text.size() && is_word_character(first_character(text.substr(end)).value);
  return !word_before && !word_behind;
}

std::size_t before_white(std::string_view text, std::size_t end, std::size_t least) {
  while (end > least) {
    const Character last = last_character(text.substr(0, end));
    if (!is_white(last.value)) break;
    end -= last.bytes;
  }
  return std::max(end, least);
}

std::size_t behind_white(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const Character next = first_character(text.substr(at));
    if (!is_white(next.value)) break;
    at += next.bytes;
  }
  return at;
}

}  // namespace

void AddedTokens::add(std::string text, const Token& token) {
  if (text.empty()) return;
  if (text.size() > max_length) throw NotEncodable("an added token has more than 256 bytes");
  entries_.push_back({std::move(text), token.id, *token.added});
}

void AddedTokens::finish() {
  // Of equal texts (normalised) the one with the lowest id comes first and counts.
  std::ranges::sort(entries_,
                    [](const Entry& a, const Entry& b) { return a.text != b.text ? a.text < b.text : a.id < b.id; });
}

const AddedTokens::Entry* AddedTokens::longest_at(std::string_view text) const {
  auto first = entries_.begin(), last = entries_.end();
  const Entry* found = nullptr;
  for (std::size_t depth = 0; depth < text.size() && first != last; ++depth) {
    const auto byte = static_cast<unsigned char>(text[depth]);
    const auto at_depth = [depth](const Entry& entry) {
      return entry.text.size() > depth ? static_cast<int>(static_cast<unsigned char>(entry.text[depth])) : -1;
    };
    const auto range = std::ranges::equal_range(first, last, static_cast<int>(byte), {}, at_depth);
    first = range.begin();
    last = range.end();
    if (first != last && first->text.size() == depth + 1) found = &*first;
  }
  return found;
}

std::vector<TextPart> AddedTokens::split(std::string_view text) const {
  std::vector<TextPart> parts;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Entry* const entry = longest_at(text.substr(at));
    if (entry == nullptr) {
      ++at;
      continue;
    }
    std::size_t first = at, end = at + entry->text.size();
    at = end;
    if (entry->flags.single_word && !stands_alone(text, first, end)) continue;
    if (entry->flags.lstrip) first = before_white(text, first, done);
    if (entry->flags.rstrip) end = behind_white(text, end);
    if (first > done) parts.push_back({text.substr(done, first - done), std::nullopt});
    parts.push_back({text.substr(first, end - first), entry->id});
    done = end;
  }
  if (done < text.size()) parts.push_back({text.substr(done), std::nullopt});
  return parts;
}

}  // namespace stockpot::tokenizer
