// Experts stored one by one, and experts stored as one tensor of three dimensions: each seen as the other.
//
//   ....experts.<e>.gate_proj.weight [I, H]   up_proj [I, H]   down_proj [H, I]     (Mixtral: w1, w3, w2)
//   ....experts.gate_up_proj [E, 2I, H]: of each expert the gate's rows, then those of up; experts.down_proj [E, H, I]
#pragma once

#include <string_view>

#include "plan/model_view.hpp"

namespace stockpot::plan {

/// Replaces the experts of a view by those that the anchor has, where it stores them the other way. A layer is replaced as
/// a whole, if both have all experts in shapes that fit, or it stays as it is: then its names and shapes will be found to
/// differ. Stacks that are transposed to each other ([E, H, 2I] and [E, I, H]) stay, with a note.
/// @param model  for notes.   @param view  names already the anchor's where they can be.
void align_experts(const ModelView& anchor, std::string_view model, ModelView& view);

}  // namespace stockpot::plan
