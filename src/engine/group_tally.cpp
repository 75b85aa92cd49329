#include "engine/group_tally.hpp"

#include <algorithm>

#include "core/bytes.hpp"
#include "engine/sum_trees.hpp"
#include "plan/strip.hpp"

namespace stockpot::engine {

GroupTally::GroupTally(const plan::Group& group, methods::TallyShape shape, std::span<std::uint64_t> counts)
    : group_(group),
      shape_(shape),
      counts_(counts),
      sums_(shape.sums > 0 ? group.tensors.size() : 0),
      maxima_(shape.maxima * group.tensors.size(), 0.0) {
  std::fill(counts_.begin(), counts_.end(), 0);
}

std::size_t GroupTally::place_of(std::uint32_t tensor) const {
  const auto at = std::lower_bound(group_.tensors.begin(), group_.tensors.end(), tensor);
  return static_cast<std::size_t>(at - group_.tensors.begin());
}

void GroupTally::add_counts(std::span<const std::uint64_t> counts) {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += counts[i];
}

void GroupTally::add_tile(std::uint32_t tensor, std::uint64_t tile, std::span<const methods::Lanes> sums,
                          std::span<const double> maxima) {
  std::vector<double> joined(sums.size());
  std::ranges::transform(sums, joined.begin(), &methods::Lanes::joined);
  const std::lock_guard lock(mutex_);
  const std::size_t place = place_of(tensor);
  if (!sums.empty()) sums_[place].insert(0, tile, std::move(joined));
  double* own = maxima_.data() + place * shape_.maxima;
  for (std::size_t i = 0; i < maxima.size(); ++i) own[i] = methods::larger_magnitude(own[i], maxima[i]);
}

std::string GroupTally::pack_reals() const {
  ByteWriter out;
  for (const double maximum : maxima_) out.real(maximum);
  pack_sums(sums_, out);
  return out.take();
}

void GroupTally::merge_reals(std::string_view packed) {
  ByteReader in(packed);
  for (double& maximum : maxima_) maximum = methods::larger_magnitude(maximum, in.real());
  merge_sums(in, shape_.sums, sums_);
}

void GroupTally::with_totals(const plan::MergePlan& plan,
                             const std::function<void(const methods::Totals&)>& use) const {
  std::vector<double> total(shape_.sums, 0.0), of_tensors;
  of_tensors.reserve(shape_.sums * sums_.size());
  for (std::size_t place = 0; place < sums_.size(); ++place) {
    const std::uint32_t tensor = group_.tensors[place];
    const std::uint64_t elements = plan.context[tensor].elements;
    const std::vector<double> sums = sums_[place].total(plan::tiles_of(plan, tensor, elements));
    for (std::size_t i = 0; i < total.size(); ++i) total[i] = place == 0 ? sums[i] : total[i] + sums[i];
    of_tensors.insert(of_tensors.end(), sums.begin(), sums.end());
  }
  use({.counts = counts_, .sums = total, .tensor_sums = of_tensors, .tensor_maxima = maxima_});
}

}  // namespace stockpot::engine
