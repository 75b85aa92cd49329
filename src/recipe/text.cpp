#include "recipe/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "core/utf8.hpp"

namespace stockpot::recipe {
namespace {

constexpr std::size_t max_bytes = std::size_t{8} << 20;

// yaml-cpp holds a whole flow collection as tokens before it reports the first of them, so the characters that can
// begin a token are counted first. A recipe of 200,000 nodes, the most that is read, has fewer.
constexpr std::size_t max_structure = 500'000;

constexpr std::uint8_t byte_at(std::string_view text, std::size_t i) { return static_cast<std::uint8_t>(text[i]); }
constexpr bool is_continuation(char c) { return (static_cast<std::uint8_t>(c) & 0xC0u) == 0x80u; }

bool is_control(char c) {
  const auto u = static_cast<std::uint8_t>(c);
  return (u < 0x20 && c != '\t' && c != '\n' && c != '\r') || u == 0x7F;
}

bool is_structure(char c) { return std::string_view("[]{},:?\"'&*!|>\n").find(c) != std::string_view::npos; }

}  // namespace

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

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

std::string_view line_of(std::string_view text, int line) {
  for (int skipped = 1; skipped < line; ++skipped) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

std::string help_with_all(const std::string& near, const std::string& all) {
  return near.empty() ? "there are " + all : fmt::format("{} There are {}", near, all);
}

void check_text(std::string_view text, Diagnostics& diagnostics) {
  if (text.size() > max_bytes) {
    diagnostics.stop("CFG001", {}, fmt::format("the recipe has {} bytes; at most 8 MiB are read", text.size()));
  }
  std::size_t structure = 0;
  for (std::size_t i = 0, length = 0; i < text.size(); i += length) {
    length = character_bytes(text.substr(i));
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
