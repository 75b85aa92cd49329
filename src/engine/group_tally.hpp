// The statistics of one group during one pass: what this rank's tiles added up, and what all ranks' did.
#pragma once

#include <cstdint>
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
  /// Thread safe. Sums of one block of one tensor of the group.
  void add_sums(std::uint32_t tensor, std::uint64_t block, std::span<const double> sums);

  std::span<std::uint64_t> counts() { return counts_; }
  /// The partial sums that are complete here, to be sent; and those of others.
  std::string pack_sums() const;
  void merge_sums(std::string_view packed);
  /// Sums over the group: tensor totals added in ascending order of name. @pre all blocks of all tensors were added.
  std::vector<double> total_sums(const plan::MergePlan& plan) const;

 private:
  std::size_t place_of(std::uint32_t tensor) const;
  const plan::Group& group_;
  methods::TallyShape shape_;
  std::span<std::uint64_t> counts_;
  std::vector<SumTree> sums_;  // parallel to group_.tensors
  std::mutex mutex_;
};

}  // namespace stockpot::engine
