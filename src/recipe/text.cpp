#include "recipe/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace stockpot::recipe {
namespace {

constexpr std::size_t max_bytes = std::size_t{8} << 20;

// yaml-cpp holds a whole flow collection as tokens before it reports the first of them, so the characters that can
// begin a token are counted first. A recipe of 200,000 nodes, the most that is read, has fewer.
constexpr std::size_t max_structure = 500'000;

constexpr std::uint8_t byte_at(std::string_view text, std::size_t i) { return static_cast<std::uint8_t>(text[i]); }
constexpr bool is_continuation(char c) { return (static_cast<std::uint8_t>(c) & 0xC0u) == 0x80u; }

struct Lead {
  std::uint8_t low, high;                // of the first byte
  std::size_t length;                    // of the character
  std::uint8_t second_low, second_high;  // rules out overlong forms, surrogates, and what is above U+10FFFF
};
constexpr std::array leads{
    Lead{0x00, 0x7F, 1, 0, 0},       Lead{0xC2, 0xDF, 2, 0x80, 0xBF}, Lead{0xE0, 0xE0, 3, 0xA0, 0xBF},
    Lead{0xE1, 0xEC, 3, 0x80, 0xBF}, Lead{0xED, 0xED, 3, 0x80, 0x9F}, Lead{0xEE, 0xEF, 3, 0x80, 0xBF},
    Lead{0xF0, 0xF0, 4, 0x90, 0xBF}, Lead{0xF1, 0xF3, 4, 0x80, 0xBF}, Lead{0xF4, 0xF4, 4, 0x80, 0x8F},
};

/// Bytes of the character that begins at `i`; 0 if none does.
std::size_t character_bytes(std::string_view text, std::size_t i) {
  const std::uint8_t first = byte_at(text, i);
  if (first < 0x80) return 1;
  const auto lead = std::find_if(leads.begin(), leads.end(), [&](Lead l) { return first >= l.low && first <= l.high; });
  if (lead == leads.end() || text.size() - i < lead->length) return 0;
  const std::uint8_t second = byte_at(text, i + 1);
  if (second < lead->second_low || second > lead->second_high) return 0;
  for (std::size_t k = 2; k < lead->length; ++k) {
    if (!is_continuation(text[i + k])) return 0;
  }
  return lead->length;
}

bool is_control(char c) {
  const auto u = static_cast<std::uint8_t>(c);
  return (u < 0x20 && c != '\t' && c != '\n' && c != '\r') || u == 0x7F;
}

bool is_structure(char c) { return std::string_view("[]{},:?\"'&*!|>\n").find(c) != std::string_view::npos; }

}  // namespace

std::string_view without_mark(std::string_view text) {
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  if (text.starts_with(mark)) text.remove_prefix(mark.size());
  return text;
}

std::string_view first_characters(std::string_view text, std::size_t characters) {
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    if (!is_continuation(text[end]) && characters-- == 0) break;
  }
  return text.substr(0, end);
}

void check_text(std::string_view text, Diagnostics& diagnostics) {
  if (text.size() > max_bytes) {
    diagnostics.stop("CFG001", {}, fmt::format("the recipe has {} bytes; at most 8 MiB are read", text.size()));
  }
  std::size_t structure = 0;
  for (std::size_t i = 0, length = 0; i < text.size(); i += length) {
    length = character_bytes(text, i);
    if (length == 0) {
      diagnostics.stop("CFG001", PositionFinder(text).at(i),
                       fmt::format("the recipe is not UTF-8: byte 0x{:02x} at offset {}", byte_at(text, i), i));
    }
    // The YAML standard forbids control characters, and yaml-cpp takes one of them (0x04) for the end of the text.
    if (is_control(text[i])) {
      diagnostics.stop("CFG001", PositionFinder(text).at(i),
                       fmt::format("control character 0x{:02x} at offset {}", byte_at(text, i), i));
    }
    if (is_structure(text[i])) ++structure;
  }
  if (structure > max_structure) {
    diagnostics.stop("CFG001", {},
                     fmt::format("the recipe is too large: {} lines, brackets, commas, quotes and colons; "
                                 "at most {} are read",
                                 structure, max_structure));
  }
}

Position PositionFinder::at(std::size_t offset) {
  offset = std::min(offset, text_.size());
  while (offset_ < offset) forward();
  while (offset_ > offset) backward();
  return here_;
}

void PositionFinder::forward() {
  const char passed = text_[offset_++];
  if (passed == '\n') {
    here_ = {here_.line + 1, 1};
  } else if (!is_continuation(passed)) {
    ++here_.column;
  }
}

void PositionFinder::backward() {
  const char passed = text_[--offset_];
  if (passed == '\n') {
    here_ = {here_.line - 1, 1};
    for (std::size_t i = offset_; i > 0 && text_[i - 1] != '\n'; --i)
      here_.column += is_continuation(text_[i - 1]) ? 0 : 1;
  } else if (!is_continuation(passed)) {
    --here_.column;
  }
}

}  // namespace stockpot::recipe
