#include "engine/group_tally.hpp"

#include <algorithm>

#include "core/bytes.hpp"

namespace stockpot::engine {

GroupTally::GroupTally(const plan::Group& group, methods::TallyShape shape, std::span<std::uint64_t> counts)
    : group_(group), shape_(shape), counts_(counts), sums_(shape.sums > 0 ? group.tensors.size() : 0) {
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

void GroupTally::add_sums(std::uint32_t tensor, std::uint64_t block, std::span<const double> sums) {
  const std::lock_guard lock(mutex_);
  sums_[place_of(tensor)].insert(0, block, std::vector<double>(sums.begin(), sums.end()));
}

std::string GroupTally::pack_sums() const {
  ByteWriter out;
  for (std::size_t place = 0; place < sums_.size(); ++place) {
    for (const auto& node : sums_[place].nodes()) {
      out.number(place);
      out.number(node.level);
      out.number(node.index);
      for (const double sum : node.value) out.real(sum);
    }
  }
  return out.take();
}

void GroupTally::merge_sums(std::string_view packed) {
  ByteReader in(packed);
  while (!in.done()) {
    const auto place = in.number();
    const auto level = static_cast<std::uint32_t>(in.number());
    const auto index = in.number();
    std::vector<double> value(shape_.sums);
    for (double& sum : value) sum = in.real();
    sums_[place].insert(level, index, std::move(value));
  }
}

std::vector<double> GroupTally::total_sums(const plan::MergePlan& plan) const {
  std::vector<double> total(shape_.sums, 0.0);
  for (std::size_t place = 0; place < sums_.size(); ++place) {
    const auto& tensor = plan.context[group_.tensors[place]];
    const std::vector<double> sums = sums_[place].total(blocks_of(tensor.elements));
    for (std::size_t i = 0; i < total.size(); ++i) total[i] = place == 0 ? sums[i] : total[i] + sums[i];
  }
  return total;
}

}  // namespace stockpot::engine
