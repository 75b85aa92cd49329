// Numbers are read by functions of ours: Boost's conversion to unsigned types turns -1 into 18446744073709551615.
#include "app/values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/error.hpp"
#include "core/nearest.hpp"
#include "core/size.hpp"
#include "core/tensor.hpp"

namespace stockpot::app {
namespace {

Error bad_value(const std::string& place, const std::string& value, const std::string& wanted) {
  return Error(ErrorKind::usage, fmt::format("{}: '{}' is not {}", place, printable(value), wanted)).code("OPT001");
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::uint64_t> parse_seconds(std::string_view text) {
  if (text.find(':') != std::string_view::npos) {
    std::uint64_t total = 0;
    for (int parts = 1; parts <= 3; ++parts) {
      const std::size_t colon = text.find(':');
      const auto part = parse_number(text.substr(0, colon));
      if (!part || *part > 1'000'000'000 || (parts > 1 && *part > 59)) return std::nullopt;
      total = total * 60 + *part;
      if (colon == std::string_view::npos) return total;
      text.remove_prefix(colon + 1);
    }
    return std::nullopt;
  }
  const std::string_view units = "smhd";
  const std::uint64_t seconds_of[] = {1, 60, 3600, 86400};
  std::uint64_t factor = 1;
  if (const auto unit = text.empty() ? text.npos : units.find(text.back()); unit != text.npos) {
    factor = seconds_of[unit];
    text.remove_suffix(1);
  }
  const auto value = parse_number(text);
  return value ? checked_multiply(*value, factor) : std::nullopt;
}

const Values::Given* Values::find(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

bool Values::on(std::string_view name) const {
  const auto found = toggles_.find(name);
  return found != toggles_.end() && found->second;
}

std::uint64_t Values::times(std::string_view name) const {
  const Given* given = find(name);
  return given ? given->texts.size() : 0;
}

std::optional<std::string> Values::text(std::string_view name) const {
  const Given* given = find(name);
  return given ? std::optional(given->texts.back()) : std::nullopt;
}

std::vector<std::string> Values::texts(std::string_view name) const {
  const Given* given = find(name);
  return given ? given->texts : std::vector<std::string>{};
}

std::optional<std::uint64_t> Values::number(std::string_view name, std::uint64_t least, std::uint64_t most) const {
  const Given* given = find(name);
  if (!given) return std::nullopt;
  const auto value = parse_number(given->texts.back());
  if (!value || *value < least || *value > most) {
    const bool open = most == std::numeric_limits<std::uint64_t>::max();
    throw bad_value(given->place, given->texts.back(),
                    fmt::format("a whole number from {}{}", least, open ? "" : fmt::format(" to {}", most)));
  }
  return value;
}

std::optional<std::uint64_t> Values::size(std::string_view name) const {
  const Given* given = find(name);
  if (!given) return std::nullopt;
  const auto value = parse_size(given->texts.back());
  if (!value) throw bad_value(given->place, given->texts.back(), "a size such as 64MiB or 1.5GB");
  return value;
}

std::optional<std::uint64_t> Values::shard_size(std::string_view name) const {
  const Given* given = find(name);
  if (!given) return std::nullopt;
  const auto value = parse_shard_size(given->texts.back());
  if (!value) throw bad_value(given->place, given->texts.back(), "a size such as 5GB, 500MiB or 5B");
  return value;
}

std::optional<std::uint64_t> Values::seconds(std::string_view name) const {
  const Given* given = find(name);
  if (!given) return std::nullopt;
  const auto value = parse_seconds(given->texts.back());
  if (!value) throw bad_value(given->place, given->texts.back(), "a time such as 90, 15m or 1:30:00");
  return value;
}

std::optional<std::size_t> Values::choice(std::string_view name, const std::vector<std::string>& choices) const {
  const Given* given = find(name);
  if (!given) return std::nullopt;
  const std::string& value = given->texts.back();
  const auto found = std::find(choices.begin(), choices.end(), value);
  if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
  throw bad_value(given->place, value, fmt::format("one of {}", fmt::join(choices, ", ")))
      .hint(did_you_mean(value, choices));
}

std::optional<std::string> Values::argument(std::size_t i) const {
  return i < arguments_.size() ? std::optional(arguments_[i]) : std::nullopt;
}

}  // namespace stockpot::app
