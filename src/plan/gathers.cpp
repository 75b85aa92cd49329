#include "plan/gathers.hpp"

#include <utility>

namespace stockpot::plan {

Gather empty_gather(Shape shape) {
  return {.shape = std::move(shape), .row_elements = 1, .parts = {}, .runs = {}, .means = {}};
}

void append_pieces(Gather& gather, std::uint32_t model, std::span<const Piece> pieces, RunChange change) {
  std::uint64_t at = gather.runs.empty() ? 0 : gather.runs.back().first + gather.runs.back().count;
  for (const Piece& piece : pieces) {
    const auto part = static_cast<std::uint32_t>(gather.parts.size());
    gather.parts.push_back({model, piece.tensor, piece.turned});
    gather.runs.push_back({at, piece.count, Gather::Kind::stored, part, piece.first, change.draw, change.factor});
    at += piece.count;
  }
}

Gather unstored_gather(Shape shape, Gather::Part named, std::span<const Gather::Draw> draw) {
  std::uint64_t elements = 1;
  for (const std::uint64_t extent : shape) elements *= extent;
  Gather gather = empty_gather(std::move(shape));
  gather.parts.push_back(named);
  gather.draws.assign(draw.begin(), draw.end());
  gather.runs.push_back({.first = 0, .count = elements, .kind = Gather::Kind::zero});
  if (!draw.empty()) gather.runs.front().draw = 0;
  return gather;
}

SourceTensor gathered(Gather gather, std::vector<Gather>& gathers) {
  const Gather::Part first = gather.parts.front();
  gathers.push_back(std::move(gather));
  return {first.model, first.tensor, static_cast<std::uint32_t>(gathers.size() - 1)};
}

}  // namespace stockpot::plan
