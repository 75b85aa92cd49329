#include "recipe/number.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>

#include "recipe/text.hpp"

namespace stockpot::recipe {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Digits in a base, without sign, prefix and underscores.
struct Literal {
  bool negative = false;
  int base = 10;  ///< 10: may have a fraction and an exponent
  std::string digits;
};

bool has_only_digits(std::string_view text, int base) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    const int digit = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : base;
    return digit < base;
  });
}

/// Digits with a point and an exponent, both optional; at least one digit before the exponent.
bool is_decimal(std::string_view text) {
  const std::size_t exponent = text.find('e');
  const std::string_view mantissa = text.substr(0, exponent);
  const auto points = std::count(mantissa.begin(), mantissa.end(), '.');
  const auto digits = std::count_if(mantissa.begin(), mantissa.end(), is_digit);
  if (points > 1 || digits == 0 || static_cast<std::size_t>(points + digits) != mantissa.size()) return false;
  if (exponent == std::string_view::npos) return true;
  std::string_view power = text.substr(exponent + 1);
  if (power.starts_with('+') || power.starts_with('-')) power.remove_prefix(1);
  return has_only_digits(power, 10);
}

/// The base that a plain scalar's prefix asks for; takes the prefix off.
int take_base(std::string& digits) {
  const std::string_view prefix = std::string_view(digits).substr(0, 2);
  const int base = prefix == "0x" ? 16 : prefix == "0b" ? 2 : prefix == "0o" ? 8 : 10;
  if (base != 10) digits.erase(0, 2);
  if (base == 10 && digits.size() > 1 && digits[0] == '0' && has_only_digits(digits, 8)) return 8;
  return base;
}

std::optional<Literal> read_literal(std::string_view text, bool quoted) {
  Literal literal;
  literal.negative = text.starts_with('-');
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || (!is_digit(text[0]) && text[0] != '.')) return std::nullopt;
  literal.digits = lower_case(text);
  std::erase(literal.digits, '_');
  if (!quoted) literal.base = take_base(literal.digits);
  const bool valid = literal.base == 10 ? is_decimal(literal.digits) : has_only_digits(literal.digits, literal.base);
  return valid ? std::optional(std::move(literal)) : std::nullopt;
}

double value_of(const Literal& literal) {
  double value = 0.0;
  if (literal.base == 10) {
    // Not from_chars, which does not say whether a number was too large or too small. The program stays in the C
    // locale.
    value = std::strtod(literal.digits.c_str(), nullptr);
  } else {
    for (const char c : literal.digits) value = value * literal.base + (is_digit(c) ? c - '0' : c - 'a' + 10);
  }
  return literal.negative ? -value : value;
}

bool is_non_finite(std::string_view text) {
  if (text == ".nan" || text == ".NaN" || text == ".NAN") return true;
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return text == ".inf" || text == ".Inf" || text == ".INF";
}

/// Groups of digits between colons, each but the first below 60.
bool is_base_60(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  text = text.substr(0, text.find('.'));
  std::size_t groups = 0;
  while (true) {
    const std::size_t colon = text.find(':');
    const std::string_view group = text.substr(0, colon);
    if (!has_only_digits(group, 10)) return false;
    if (groups > 0 && (group.size() > 2 || (group.size() == 2 && group[0] > '5'))) return false;
    ++groups;
    if (colon == std::string_view::npos) return groups > 1;
    text.remove_prefix(colon + 1);
  }
}

}  // namespace

std::optional<bool> read_boolean_word(std::string_view text) {
  if (text.size() > 5) return std::nullopt;
  const std::string word = lower_case(text);
  if (word == "true" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "no" || word == "off") return false;
  return std::nullopt;
}

ReadNumber read_number(std::string_view text, bool quoted) {
  using Kind = ReadNumber::Kind;
  if (const auto word = read_boolean_word(text)) return {Kind::number, *word ? 1.0 : 0.0};
  if (!quoted && is_non_finite(text)) return {Kind::non_finite, 0.0};
  if (!quoted && is_base_60(text)) return {Kind::base_60, 0.0};
  const auto literal = read_literal(text, quoted);
  if (!literal) return {Kind::text, 0.0};
  const double value = value_of(*literal);
  return std::isfinite(value) ? ReadNumber{Kind::number, value} : ReadNumber{Kind::too_large, 0.0};
}

std::optional<std::uint64_t> read_unsigned(std::string_view text, bool quoted) {
  const auto literal = read_literal(text, quoted);
  if (!literal) return std::nullopt;
  if (has_only_digits(literal->digits, literal->base) && !literal->negative) {
    std::uint64_t whole = 0;
    const char* const end = literal->digits.data() + literal->digits.size();
    const bool fits = std::from_chars(literal->digits.data(), end, whole, literal->base).ec == std::errc();
    return fits ? std::optional(whole) : std::nullopt;
  }
  const double value = value_of(*literal);
  if (value != std::trunc(value) || value < 0.0 || value >= 0x1p64) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

std::string decimal_point_help(std::string_view text) {
  const std::size_t comma = text.find(',');
  const auto is_digit_at = [&](std::size_t i) { return i < text.size() && is_digit(text[i]); };
  if (comma == 0 || comma == text.npos || !is_digit_at(comma - 1) || !is_digit_at(comma + 1)) return "";
  std::string meant(text);
  meant[comma] = '.';
  if (read_number(meant, true).kind != ReadNumber::Kind::number) return "";
  return "write a decimal point: " + meant;
}

}  // namespace stockpot::recipe
