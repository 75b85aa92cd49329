// Heads of outputs whose last layers come from a model without one.
#pragma once

#include "plan/matching.hpp"
#include "plan/slices.hpp"

namespace stockpot::plan {

/// A slice that supplies what comes after the layers, from models whose head is their embedding, gives no head, or that
/// embedding once more. Where the output's embedding is another model's, or its configuration promises a head, theirs is
/// added (TEN040): under the name that some model of the merge stores one by, or that the architecture is known to have for
/// it. Where neither is so, a warning says whose head the output has.
void give_tied_heads(const MatchContext& context, Slices& slices, Matching& matching, recipe::Diagnostics& diagnostics);

}  // namespace stockpot::plan
