// Codes with scales that we do not know, in a model whose config.json does not say that it is quantised.
//
// Copied with its scales such a weight stays what it is. As numbers its codes mean nothing, and nothing in the output would show it.
#pragma once

#include "plan/plan.hpp"

namespace stockpot::plan {

/// A float8 or I8 matrix counts as codes if its module has a tensor with `scale` in its name that is smaller and belongs to no
/// other tensor. Scales of activations do not count.
/// @throws Error(corrupt_input, FMT080) if such codes are merged or converted, or copied without their scales.
void refuse_codes_as_numbers(const MergePlan& plan);

}  // namespace stockpot::plan
