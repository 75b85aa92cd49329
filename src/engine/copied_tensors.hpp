// Tensors that are copied, not merged, while the models disagree about them: worth a warning, never in silence.
#pragma once

#include <string>
#include <vector>

#include "engine/input_files.hpp"
#include "plan/plan.hpp"

namespace stockpot::engine {

/// Local. Compares every copied integer tensor with the copies of the other models, byte by byte.
/// @return a warning for each that differs (TEN020), naming the first model with other values.
std::vector<std::string> compare_copied_integers(const plan::MergePlan& plan, InputFiles& files);

}  // namespace stockpot::engine
