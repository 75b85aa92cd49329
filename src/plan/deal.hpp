// Units to ranks: which groups are shared, what is dealt as one, and what it costs.
//
// Small tensors that lie side by side go to the same rank, so that it may read and write many of them at once. They are
// joined until they make one transfer (--chunk) of each file, and never to more than a 32nd of a rank's share, so that
// all ranks still get nearly the same.
#pragma once

#include <cstdint>

#include "plan/schedule.hpp"
#include "plan/waves.hpp"

namespace stockpot::plan {

/// What is joined may cost so small a part of a rank's share: with fewer items the ranks that get one more than others
/// would be noticed.
inline constexpr std::uint64_t items_per_rank = 32;

/// Says which groups are shared, and gives every unit that is not nobody's its rank.
void deal(const MergePlan& plan, const WaveBudget& budget, Schedule& schedule);

}  // namespace stockpot::plan
