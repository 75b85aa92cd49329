// What methods with statistics over the whole model have in common.
#pragma once

#include "core/error.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

/// Thresholds, ratios and norms of a group belong to models by their place: all models must be in all of its tensors.
/// @throws Error(corrupt_input) if a tile has another number of models than the group. The planner sees it first.
template <class T>
void check_all_models(const Tile<T>& in, std::size_t models) {
  if (in.models() == models) return;
  throw Error(ErrorKind::corrupt_input, "a model lacks a tensor that shares statistics with the whole model")
      .in_tensor(in.tensor.name)
      .hint("give every model the same tensors, or take statistics of each tensor");
}

}  // namespace stockpot::methods
