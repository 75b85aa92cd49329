// Units to ranks: which groups are shared, what is dealt as one, and what it costs.
//
// Small tensors that lie side by side go to the same rank, so that it may read and write many of them at once. They are
// joined until they make one transfer (--chunk) of each file, and never to more than a 32nd of a rank's share, so that
// all ranks still get nearly the same. What ranks get the same of is time: bytes moved, and beside them what each unit
// and each counter takes. Without that a rank with a few large tensors would be through long before one with as many
// bytes in tens of thousands of small ones.
#pragma once

#include <cstdint>

#include "plan/readers.hpp"
#include "plan/schedule.hpp"
#include "plan/waves.hpp"

namespace stockpot::plan {

/// What is joined may cost so small a part of a rank's share: with fewer items the ranks that get one more than others
/// would be noticed.
inline constexpr std::uint64_t items_per_rank = 32;

/// What a unit costs beside its bytes, in bytes that a merge would have moved meanwhile: sources, journal, digest.
///
/// 45,000 tensors of 16 x 16 bfloat16, from memory to memory, one thread: `linear` of two takes 3 microseconds for each, at
/// 4.2 GB/s for large ones (12 KiB), `model_stock` 6 at 2.4 (14 KiB), `della` 14 at 0.75 (11 KiB), `ties` 12 at 1.6 (19 KiB).
inline constexpr std::uint64_t unit_price_bytes = 16'384;
/// Likewise a counter of a local group, which all passes clear, add up and look at: when it was measured `ties` had 131,072 for
/// each such tensor and took 416 microseconds (4.6 bytes a counter), `sce` 65,536 and 325, at 1.0 GB/s (4.4), `breadcrumbs`
/// 262,144 and 855, at 1.1 (3.6). Only tensors of more than 65,536 elements have so many now. Those of shared groups cost every
/// rank the same.
inline constexpr std::uint64_t counter_price_bytes = 4;

/// What a rank's work costs beside the bytes that it moves.
std::uint64_t price_bytes(const MergePlan& plan, const RankWork& work);

/// Says which groups are shared, and gives every unit that is not nobody's its rank.
/// @param readers  who has tensors already; null: nobody
void deal(const MergePlan& plan, const WaveBudget& budget, Schedule& schedule, const Readers* readers);

}  // namespace stockpot::plan
