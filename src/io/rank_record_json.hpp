// Ranks as the run record shows them: all of them, or of many ranks the slowest, and how the others spread.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "io/rank_record.hpp"

namespace stockpot::io {

/// Adds "slowest_rank" and "per_rank"; above most_ranks_shown ranks the latter holds the slowest, and "rank_quantiles" has
/// of every number of all ranks the least, the lower quartile, the median, the upper quartile and the most.
void add_ranks(const std::vector<RankRecord>& ranks, nlohmann::ordered_json& json);

}  // namespace stockpot::io
