// What a statistics pass does with a strip: its tiles, stored or decoded, go to a method, and their sums to a tally.
#pragma once

#include <cstdint>
#include <span>

#include "engine/engine_context.hpp"
#include "engine/group_tally.hpp"
#include "engine/strip_merger.hpp"

namespace stockpot::engine {

/// Worker threads. Lets a method observe one strip out of its stored bytes.
/// @param counts  where its counts are added up.   @throws Error(numeric) for non-finite inputs
void observe_strip(EngineContext& context, Worker& worker, const OpenStrip& open, const StripMethod& method,
                   GroupTally& tally, std::span<std::uint64_t> counts);

}  // namespace stockpot::engine
