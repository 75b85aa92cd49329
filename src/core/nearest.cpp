#include "core/nearest.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

namespace stockpot {
namespace {

std::string folded(std::string_view word) {
  std::string plain(word);
  for (char& c : plain) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-') c = '_';
  }
  return plain;
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b` (no place edited twice).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last, last(b.size() + 1), now(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, substituted});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) now[j] = std::min(now[j], before_last[j - 2] + 1);
    }
    before_last = std::exchange(last, now);
  }
  return last[b.size()];
}

/// How far apart two folded words are, or nothing if neither can be meant by the other.
std::optional<std::size_t> nearness(std::string_view word, std::string_view candidate) {
  if (word.empty() || candidate.empty()) return std::nullopt;
  const std::size_t allowed = std::max<std::size_t>(1, word.size() / 3);
  const std::size_t difference = std::max(word.size(), candidate.size()) - std::min(word.size(), candidate.size());
  const bool prefix = candidate.starts_with(word) || word.starts_with(candidate);
  if (prefix) return difference;
  if (difference > allowed) return std::nullopt;
  const std::size_t distance = edit_distance(word, candidate);
  return distance <= allowed ? std::optional(distance) : std::nullopt;
}

}  // namespace

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates, std::string_view before) {
  std::vector<std::pair<std::size_t, std::string_view>> near;
  const std::string wanted = folded(word);
  for (const std::string& candidate : candidates) {
    if (candidate == word) continue;
    if (const auto distance = nearness(wanted, folded(candidate))) near.emplace_back(*distance, candidate);
  }
  if (near.empty()) return "";
  std::sort(near.begin(), near.end());
  near.erase(std::unique(near.begin(), near.end()), near.end());
  const auto shown = [&](std::size_t n) { return "'" + std::string(before).append(near[n].second) + "'"; };
  return "did you mean " + shown(0) + (near.size() > 1 ? " or " + shown(1) : "") + "?";
}

}  // namespace stockpot
