// The statistics of one group during one pass: what this rank's tiles added up, and what all ranks' did.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "comm/communicator.hpp"
#include "core/block_tree.hpp"
#include "methods/method.hpp"
#include "plan/plan.hpp"

namespace stockpot::engine {

class GroupTally {
 public:
  /// @param counts  the group's counters, memory of the caller, zeroed here.
  GroupTally(const plan::Group& group, methods::TallyShape shape, std::span<std::uint64_t> counts);

  methods::TallyShape shape() const { return shape_; }
  /// Thread safe.
  void add_counts(std::span<const std::uint64_t> counts);
  /// Thread safe. What one tile of one tensor of the group came to. @param tile  its number in the tensor.
  void add_tile(std::uint32_t tensor, std::uint64_t tile, std::span<const methods::Lanes> sums,
                std::span<const double> maxima);

  std::span<std::uint64_t> counts() { return counts_; }
  bool has_reals() const { return shape_.sums > 0 || shape_.maxima > 0; }
  /// The partial sums that are complete here, and the maxima, to be sent; and those of others.
  std::string pack_reals() const;
  void merge_reals(std::string_view packed);
  /// Lets `use` have the totals. @pre all tiles of all tensors were added.
  void with_totals(const plan::MergePlan& plan, const std::function<void(const methods::Totals&)>& use) const;

 private:
  std::size_t place_of(std::uint32_t tensor) const;
  const plan::Group& group_;
  methods::TallyShape shape_;
  std::span<std::uint64_t> counts_;
  std::vector<SumTree> sums_;   // parallel to group_.tensors
  std::vector<double> maxima_;  // shape_.maxima values for each
  std::mutex mutex_;
};

}  // namespace stockpot::engine
