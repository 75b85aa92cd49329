#include "app/deadline.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <string>

#include "app/values.hpp"

namespace stockpot::app {
namespace {

std::optional<std::int64_t> parse_epoch(std::string_view digits) {
  std::int64_t seconds = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
  if (failure != std::errc() || end != digits.data() + digits.size() || seconds < 0) return std::nullopt;
  return seconds;
}

std::optional<std::int64_t> parse_utc(const std::string& text) {
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return static_cast<std::int64_t>(::timegm(&parts));
}

}  // namespace

std::optional<std::int64_t> parse_deadline(std::string_view text, std::int64_t now) {
  if (text.starts_with('@')) return parse_epoch(text.substr(1));
  if (const auto utc = parse_utc(std::string(text))) return utc;
  if (const auto seconds = parse_seconds(text)) {
    return now + static_cast<std::int64_t>(std::min(*seconds, std::uint64_t{longest_seconds}));
  }
  return std::nullopt;
}

std::optional<std::int64_t> seconds_left(std::optional<std::int64_t> asked, const Variables& variables,
                                         std::int64_t now) {
  std::optional<std::int64_t> end = asked;
  if (const auto text = variables("SLURM_JOB_END_TIME")) {
    if (const auto scheduled = parse_epoch(*text)) end = end ? std::min(*end, *scheduled) : *scheduled;
  }
  if (!end) return std::nullopt;
  return std::clamp(*end - now, -longest_seconds, longest_seconds);
}

}  // namespace stockpot::app
