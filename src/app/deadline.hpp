// When the job has to be over: what the user says, or the scheduler.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "app/environment.hpp"

namespace stockpot::app {

/// What is further away is a mistake, and counts as this far: times must not overflow.
inline constexpr std::int64_t longest_seconds = 10 * 365 * std::int64_t{86'400};

/// "50m" (from now), "2026-11-28T10:30:00Z" or "@1795861800" (seconds since 1970). Seconds since 1970; nothing if it is none
/// of these. @param now  likewise.
std::optional<std::int64_t> parse_deadline(std::string_view text, std::int64_t now);

/// Seconds from `now` to the earliest of `asked` and the scheduler's end of the job, at most longest_seconds either way;
/// nothing if there is neither.
std::optional<std::int64_t> seconds_left(std::optional<std::int64_t> asked, const Variables& variables,
                                         std::int64_t now);

}  // namespace stockpot::app
