// Several merges in one sweep over their inputs: what they have in common is read once.
//
// A rank's waves and direct units take turns, always what begins first in the models' files; kept inputs that lie where the next
// merge wants them stay (held_parts.hpp). Direct units of the same bytes are merged side by side, strip by strip.
#pragma once

#include <vector>

#include "engine/merge_engine.hpp"

namespace stockpot::engine {

/// Collective. All engines share a crew. Work that is dealt to a rank stays there, unless there is one engine only.
void run_together(const comm::Communicator& comm, std::vector<MergeEngine*> engines);

}  // namespace stockpot::engine
