// Tensors outside the layers that hold a stretch of every layer: Gemma 3n's embeddings per layer, [tokens, layers * width],
// and their projection, [layers * width, hidden]. When layers are chosen, so are their stretches.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "plan/model_view.hpp"
#include "plan/plan.hpp"
#include "recipe/diagnostics.hpp"

namespace stockpot::plan {

struct PlannedSlice;

/// The layers that one source of a slice gives.
struct LayerRange {
  std::uint64_t first = 0, end = 0;
  std::uint64_t layers = 0;  ///< of the model
  std::uint64_t size() const { return end - first; }
};

/// A table put together of stretches of several models' tables.
struct LayerTable {
  ViewedTensor viewed;  ///< with `made` pointing to the gather
  Gather gather;
};

/// Replaces the tables that the first slice gives by such of the output's layers: the table of its i-th source is made of
/// those of the i-th source of each slice. Adds ARC031 where that cannot be.
/// @param slices  of one module, not empty.   @param ranges  by slice, by source.   @param tables  gets what the slices
///                point to.
void follow_layers(std::span<PlannedSlice> slices, const std::vector<std::vector<LayerRange>>& ranges,
                   const std::vector<ModelView>& views, std::vector<std::unique_ptr<LayerTable>>& tables,
                   recipe::Diagnostics& diagnostics);

}  // namespace stockpot::plan
