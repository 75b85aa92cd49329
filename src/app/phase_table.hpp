// Where the time of a merge went, for people: what `-v` shows at its end.
#pragma once

#include <string>
#include <vector>

#include "io/rank_record.hpp"

namespace stockpot::app {

/// A line for each rank, or for the slowest where there are many (io::most_ranks_shown).
std::string rank_lines(const std::vector<io::RankRecord>& ranks);

/// A line for each phase that took some hundredths of a second: its mean over ranks, the most, and the rank that needed it.
/// Phases of workers are those of one worker thread, the mean of its rank.
/// @param threads  worker threads of a rank.
std::string phase_table(const std::vector<io::RankRecord>& ranks, std::uint64_t threads);

}  // namespace stockpot::app
