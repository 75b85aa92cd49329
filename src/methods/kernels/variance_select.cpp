#include "methods/kernels/variance_select.hpp"

#include <numeric>

namespace stockpot::methods {
namespace {

/// The rank stands for one that the first pass over all elements gives.
std::vector<SelectTarget> target(bool needed) {
  if (!needed) return {};
  return {{.vector = 0, .rank = 1}};
}

SelectOptions options(const GroupInfo& group, bool hashed_ties) {
  return {.elements = group.elements, .hashed_ties = hashed_ties, .sampled = true};
}

std::uint64_t part_of(double part, std::uint64_t nonzero) {
  return static_cast<std::uint64_t>(part * static_cast<double>(nonzero));
}

}  // namespace

VarianceSelect::VarianceSelect(double part, const GroupInfo& group, bool hashed_ties)
    : part_(part),
      elements_(group.elements),
      all_(part == 1.0),
      none_(!all_ && (part == 0.0 || group.models < 2 || group.elements < 2)),
      select_(target(!all_ && !none_), options(group, hashed_ties)) {}

SelectNeeds VarianceSelect::needs(const GroupInfo& group, bool hashed_ties) {
  SelectNeeds needs = MagnitudeSelect::needs(1, 1, MagnitudeSelect::value_passes, options(group, hashed_ties));
  ++needs.counters;  // of variances that are not 0
  return needs;
}

std::optional<TallyShape> VarianceSelect::next_pass() const {
  auto shape = select_.next_pass();
  if (shape && counts_nonzero()) ++shape->counts;
  return shape;
}

void VarianceSelect::conclude(std::span<const std::uint64_t> counts) {
  if (select_.is_sampling()) {
    // As many of all elements are not 0 as of the sample, whose first bin holds the zeros, and little else.
    const auto sampled = static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}));
    const double zeros = sampled == 0.0 ? 0.0 : static_cast<double>(counts.front()) / sampled;
    const auto nonzero = static_cast<std::uint64_t>(static_cast<double>(elements_) * (1.0 - zeros));
    select_.set_rank(0, std::max<std::uint64_t>(1, part_of(part_, nonzero)));
  } else if (!counted_) {
    select_.set_rank(0, part_of(part_, counts.back()));
    counts = counts.first(counts.size() - 1);
    counted_ = true;
  }
  select_.conclude(counts);
}

}  // namespace stockpot::methods
