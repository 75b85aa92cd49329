#include "core/size.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "core/tensor.hpp"

namespace stockpot {
namespace {

struct Unit {
  std::string_view suffix;  ///< lower case
  std::uint64_t bytes;
};

constexpr std::uint64_t kilo = 1000, mega = kilo * kilo, giga = mega * kilo, tera = giga * kilo;
constexpr std::array units{
    Unit{"", 1},
    Unit{"k", kilo},
    Unit{"kb", kilo},
    Unit{"kib", 1ull << 10},
    Unit{"m", mega},
    Unit{"mb", mega},
    Unit{"mib", 1ull << 20},
    Unit{"g", giga},
    Unit{"gb", giga},
    Unit{"gib", 1ull << 30},
    Unit{"t", tera},
    Unit{"tb", tera},
    Unit{"tib", 1ull << 40},
};

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view take_digits(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  const std::string_view digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  return digits;
}

std::optional<std::uint64_t> unit_bytes(std::string_view suffix) {
  std::string lower(suffix);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const auto unit = std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.suffix == lower; });
  return unit == units.end() ? std::nullopt : std::optional(unit->bytes);
}

/// Bytes that ".<digits>" of a unit are, rounded down; nothing for a fraction of a byte.
std::optional<std::uint64_t> fraction_bytes(std::string_view digits, std::uint64_t unit) {
  double tenths = 0.0;
  std::from_chars(digits.data(), digits.data() + digits.size(), tenths);
  const double fraction = tenths / std::pow(10.0, static_cast<double>(digits.size()));
  if (unit == 1 && fraction != 0.0) return std::nullopt;
  return static_cast<std::uint64_t>(fraction * static_cast<double>(unit));
}

std::optional<std::uint64_t> parse(std::string_view text, std::optional<std::uint64_t> bare_b) {
  constexpr std::size_t longest = 64;  // more digits than any size has
  if (text.size() > longest) return std::nullopt;
  const std::string_view whole = take_digits(text);
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take_digits(text);
    if (fraction.empty()) return std::nullopt;
  }
  if (whole.empty()) return std::nullopt;
  while (text.starts_with(' ')) text.remove_prefix(1);
  const auto unit = text == "b" || text == "B" ? bare_b : unit_bytes(text);
  std::uint64_t count = 0;
  if (!unit || std::from_chars(whole.data(), whole.data() + whole.size(), count).ec != std::errc()) return std::nullopt;
  const auto bytes = checked_multiply(count, *unit);
  const auto rest = fraction_bytes(fraction, *unit);
  return bytes && rest ? checked_add(*bytes, *rest) : std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) { return parse(text, std::nullopt); }
std::optional<std::uint64_t> parse_shard_size(std::string_view text) { return parse(text, giga); }

std::string human_bytes(std::uint64_t bytes) {
  if (bytes < kilo) return fmt::format("{} B", bytes);
  constexpr std::array prefixes{"kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes) / 1e3;
  std::size_t prefix = 0;
  while (value >= 999.995 && prefix + 1 < prefixes.size()) {  // would print as 1000.00
    value /= 1e3;
    ++prefix;
  }
  return fmt::format("{:.2f} {}", value, prefixes[prefix]);
}

}  // namespace stockpot
