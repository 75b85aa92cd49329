#include "tokenizer/expression.hpp"

#include <fmt/format.h>
#include <unicode/regex.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>

#include "core/error.hpp"
#include "tokenizer/not_encodable.hpp"

namespace stockpot::tokenizer {
namespace {

constexpr std::size_t max_pattern = 65536;       // DeepSeek lists the letters of the world in 3,000 characters
constexpr std::int32_t match_steps = 5000;       // ICU's unit is some ten thousand steps, or about a millisecond
constexpr std::int32_t stack_bytes = 8'000'000;  // of a match; ICU's own default
constexpr std::string_view plain_groups = ":=!>";

bool has(std::string_view characters, char c) { return characters.find(c) != characters.npos; }

/// Properties that both libraries have under one name and with one meaning: general categories and some scripts.
bool is_known_property(std::string_view name) {
  constexpr std::array<std::string_view, 11> scripts{"Han",      "Hiragana", "Katakana", "Hangul", "Latin",     "Greek",
                                                     "Cyrillic", "Arabic",   "Hebrew",   "Thai",   "Devanagari"};
  constexpr std::string_view classes = "LMNPSZC", kinds = "ultmodnecsfikpr";
  if (std::ranges::find(scripts, name) != scripts.end()) return true;
  if (name.empty() || name.size() > 2 || !has(classes, name[0])) return false;
  return name.size() == 1 || has(kinds, name[1]);
}

class Translator {
 public:
  explicit Translator(std::string_view pattern) : in_(pattern) {}

  std::string translate() && {
    while (at_ < in_.size()) step();
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    throw NotEncodable(fmt::format("the expression '{}' of its pre-tokenizer has {}, which is not understood",
                                   printable(in_.substr(0, 200)), what));
  }

  bool next_is(std::string_view text) const { return in_.substr(at_).starts_with(text); }
  void take(std::size_t bytes) {
    out_ += in_.substr(at_, bytes);
    at_ += bytes;
  }

  void step() {
    switch (in_[at_]) {
      case '\\':
        return escape();
      case '(':
        return sets_ == 0 ? group() : take(1);
      case '[':
        if (next_is("[:")) refuse("a bracket of POSIX");
        ++sets_;
        return take(next_is("[^") ? 2 : 1);
      case ']':
        sets_ -= sets_ > 0 ? 1 : 0;
        return take(1);
      case '-':
        if (sets_ > 0 && next_is("--")) refuse("'--'");
        return take(1);
      case '{':
        return sets_ == 0 ? interval() : take(1);
      default:
        return take(1);
    }
  }

  /// Only groups whose scope and meaning are the same: Ruby's (?i) reaches otherwise, and its (?m) is another flag.
  void group() {
    if (!next_is("(?")) return take(1);
    if (next_is("(?i:")) return take(4);
    if (next_is("(?<=") || next_is("(?<!")) return take(4);
    if (at_ + 2 < in_.size() && has(plain_groups, in_[at_ + 2])) return take(3);
    refuse("a group of an unusual kind");
  }

  /// {n}, {n,} and {n,m}: without a sign behind it that Oniguruma reads otherwise.
  void interval() {
    const std::size_t end = in_.find('}', at_);
    const std::string_view inner = end == in_.npos ? "" : in_.substr(at_ + 1, end - at_ - 1);
    const bool numbers =
        !inner.empty() && inner[0] >= '0' && inner[0] <= '9' && inner.find_first_not_of("0123456789,") == inner.npos;
    if (!numbers) refuse("a '{' that begins no repetition");
    take(inner.size() + 2);
    if (next_is("+") || next_is("?")) refuse("a sign behind '{...}'");
  }

  void escape() {
    if (at_ + 1 == in_.size()) refuse("a '\\' at its end");
    const char kind = in_[at_ + 1];
    const auto replace = [&](std::string_view by) {
      out_ += by;
      at_ += 2;
    };
    if (kind == 's') return replace("\\p{White_Space}");
    if (kind == 'S') return replace("\\P{White_Space}");
    if (kind == 'v') return replace("\\x0B");
    if (kind == 'w') return replace("[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]");
    if (kind == 'p' || kind == 'P') return property();
    const bool letter = (kind >= 'a' && kind <= 'z') || (kind >= 'A' && kind <= 'Z') || (kind >= '0' && kind <= '9');
    if (letter && !has(std::string_view("dDrntf"), kind)) refuse(fmt::format("'\\{}'", kind));
    if (static_cast<unsigned char>(kind) >= 0x80) refuse("a '\\' before a character beyond ASCII");
    take(2);
  }

  void property() {
    const std::size_t end = in_.find('}', at_);
    const std::string_view name =
        end == in_.npos || in_.substr(at_ + 2, 1) != "{" ? "" : in_.substr(at_ + 3, end - at_ - 3);
    if (!is_known_property(name)) refuse(fmt::format("the property '{}'", printable(name.substr(0, 40))));
    take(name.size() + 4);
  }

  std::string_view in_;
  std::size_t at_ = 0;
  int sets_ = 0;  // brackets that are open
  std::string out_;
};

std::string part(const icu::UnicodeString& text, std::int32_t first, std::int32_t end) {
  std::string utf8;
  text.tempSubStringBetween(first, end).toUTF8String(utf8);
  return utf8;
}

}  // namespace

std::string translated(std::string_view pattern) {
  if (pattern.size() > max_pattern) throw NotEncodable("an expression of its pre-tokenizer is too long");
  return Translator(pattern).translate();
}

struct Expression::Compiled {
  std::unique_ptr<icu::RegexPattern> pattern;
};

Expression::Expression(std::string_view pattern) : compiled_(std::make_unique<Compiled>()) {
  UErrorCode status = U_ZERO_ERROR;
  UParseError where;
  // In Ruby's syntax ^ and $ belong to lines, which end at line feeds only.
  compiled_->pattern.reset(icu::RegexPattern::compile(icu::UnicodeString::fromUTF8(translated(pattern)),
                                                      UREGEX_MULTILINE | UREGEX_UNIX_LINES, where, status));
  if (U_SUCCESS(status)) return;
  throw NotEncodable(fmt::format("the expression '{}' of its pre-tokenizer is not understood ({})",
                                 printable(pattern.substr(0, 200)), u_errorName(status)));
}

Expression::~Expression() = default;
Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;

std::vector<Span> Expression::split(std::string_view text) const {
  std::vector<Span> spans;
  UErrorCode status = U_ZERO_ERROR;
  const icu::UnicodeString units =
      icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())));
  const std::unique_ptr<icu::RegexMatcher> matcher(compiled_->pattern->matcher(units, status));
  if (U_SUCCESS(status)) {
    matcher->setTimeLimit(match_steps, status);
    matcher->setStackLimit(stack_bytes, status);
  }
  std::int32_t done = 0;
  const auto add = [&](std::int32_t end, bool matches) {
    if (end > done) spans.push_back({part(units, done, end), matches});
    done = std::max(done, end);
  };
  while (U_SUCCESS(status) && matcher->find(status)) {
    add(matcher->start(status), false);
    add(matcher->end(status), true);
  }
  if (U_FAILURE(status)) {
    throw NotEncodable(
        fmt::format("an expression of its pre-tokenizer takes too long to match ({})", u_errorName(status)));
  }
  add(units.length(), false);
  return spans;
}

std::vector<Span> split_at(std::string_view text, std::string_view wanted) {
  std::vector<Span> spans;
  while (!text.empty()) {
    const std::size_t at = std::min(text.find(wanted), text.size());
    if (at > 0) spans.push_back({std::string(text.substr(0, at)), false});
    text.remove_prefix(at);
    if (text.empty()) break;
    spans.push_back({std::string(wanted), true});
    text.remove_prefix(wanted.size());
  }
  return spans;
}

}  // namespace stockpot::tokenizer
