// What becomes of work that was interrupted, when work is committed, and when a merge ends before it is done.
#pragma once

#include <cstdint>
#include <optional>

#include "app/options.hpp"
#include "engine/job.hpp"

namespace stockpot::app {

/// --resume, --resume-check, --break-lock, --verify, --commit, --deadline, --reserve, --abort-grace, --stall-timeout,
/// --journal-every, --journal-bytes.
OptionGroup reliability_options();
/// @throws Error(usage) for values that make no sense; so do those below.
engine::ReliabilityOptions read_reliability(const Values& values);
/// Seconds since 1970.
std::optional<std::int64_t> read_deadline(const Values& values);
/// Seconds.
std::uint64_t read_abort_grace(const Values& values);

}  // namespace stockpot::app
