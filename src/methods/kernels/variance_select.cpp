#include "methods/kernels/variance_select.hpp"

namespace stockpot::methods {
namespace {

/// The rank stands for one that the first pass gives.
std::vector<SelectTarget> target(bool needed) {
  if (!needed) return {};
  return {{.vector = 0, .rank = 1}};
}

}  // namespace

VarianceSelect::VarianceSelect(double part, const GroupInfo& group, bool hashed_ties)
    : part_(part),
      all_(part == 1.0),
      none_(!all_ && (part == 0.0 || group.models < 2 || group.elements < 2)),
      select_(target(!all_ && !none_), {.elements = group.elements, .hashed_ties = hashed_ties}) {}

std::optional<TallyShape> VarianceSelect::next_pass() const {
  auto shape = select_.next_pass();
  if (shape && !counted_) ++shape->counts;
  return shape;
}

void VarianceSelect::conclude(std::span<const std::uint64_t> counts) {
  if (!counted_) {
    select_.set_rank(0, static_cast<std::uint64_t>(part_ * static_cast<double>(counts.back())));
    counts = counts.first(counts.size() - 1);
    counted_ = true;
  }
  select_.conclude(counts);
}

}  // namespace stockpot::methods
