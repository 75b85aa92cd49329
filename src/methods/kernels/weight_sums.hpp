// What `normalize` may divide by: sums of weights, which are float32 where the tensors are not float64.
#pragma once

#include "methods/settings.hpp"

namespace stockpot::methods {

/// @param sum  of weights, not 0.
/// @throws Error(recipe, CFG053) if it is infinite, where every quotient would be 0, or subnormal, where it lacks bits.
void check_divisor(float sum);

/// For methods that divide each element by the weights of those models that count there.
/// @throws Error(recipe, CFG053) if the weights of any models could add up to what check_divisor() refuses.
void check_divisors(const Settings& settings);

}  // namespace stockpot::methods
