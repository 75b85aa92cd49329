// Puts gathers together.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "plan/model_view.hpp"
#include "plan/plan.hpp"

namespace stockpot::plan {

/// A gather of no runs yet, whose pieces need not end at rows.
Gather empty_gather(Shape shape);

/// What becomes of a run's values.
struct RunChange {
  std::uint32_t draw = Gather::no_draw;  ///< index into the gather's draws
  double factor = 1.0;
};
/// Lays a model's pieces behind the runs that the gather has.
void append_pieces(Gather& gather, std::uint32_t model, std::span<const Piece> pieces, RunChange change = {});

/// A gather of zeros, plus values of a draw. @param named  what messages may name.
Gather unstored_gather(Shape shape, Gather::Part named, std::span<const Gather::Draw> draw = {});

/// The source that a gather makes, which joins the others.
SourceTensor gathered(Gather gather, std::vector<Gather>& gathers);

}  // namespace stockpot::plan
