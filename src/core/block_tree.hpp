// One value for a whole tensor out of one value per block, in an order that nobody's share of the work can change.
//
// The tree is fixed by the block index alone: node (level, index) covers blocks [index * 2^level, (index + 1) *
// 2^level). Two complete siblings combine into their parent as soon as both are there. What is left at the right edge
// of a tensor whose block count is not a power of two combines from right to left: s0 + (s1 + (s2 + ...)), widest
// subtree first. Whoever holds a run of blocks can therefore pre-combine it into at most 2 log2(blocks) nodes and send
// only those.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "core/error.hpp"

namespace stockpot {

/// @tparam Value    what a block contributes: partial sums, a digest.
/// @tparam Combine  Value operator()(const Value& left, const Value& right); need not be associative nor commutative.
template <class Value, class Combine>
class BlockTree {
 public:
  struct Node {
    std::uint32_t level = 0;
    std::uint64_t index = 0;
    Value value;
  };

  /// Adds a leaf (level 0) or a complete subtree. Each block must be covered exactly once; any order.
  void insert(std::uint32_t level, std::uint64_t index, Value value) {
    while (true) {
      const auto sibling = nodes_.find({index ^ 1u, level});
      if (sibling == nodes_.end()) break;
      value = index % 2 == 0 ? combine_(value, sibling->second) : combine_(sibling->second, value);
      nodes_.erase(sibling);
      index /= 2;
      ++level;
    }
    nodes_.emplace(std::pair{index, level}, std::move(value));
  }

  /// The subtrees that are complete here, in no meaningful order: what to send to someone who has the rest.
  std::vector<Node> nodes() const {
    std::vector<Node> all;
    all.reserve(nodes_.size());
    for (const auto& [at, value] : nodes_) all.push_back({at.second, at.first, value});
    return all;
  }

  /// The value of the whole tensor. @pre every one of its `blocks` > 0 blocks was inserted.
  Value total(std::uint64_t blocks) const {
    std::vector<const Value*> edge;  // widest first
    std::uint64_t covered = 0;
    for (std::uint32_t level = 64; level-- > 0;) {
      const std::uint64_t width = std::uint64_t{1} << level;
      if ((blocks & width) == 0) continue;
      const auto node = nodes_.find({covered / width, level});
      if (node == nodes_.end()) throw Error(ErrorKind::internal, "a block is missing in a reduction");
      edge.push_back(&node->second);
      covered += width;
    }
    Value sum = *edge.back();
    for (auto left = edge.rbegin() + 1; left != edge.rend(); ++left) sum = combine_(**left, sum);
    return sum;
  }

  bool empty() const { return nodes_.empty(); }

 private:
  std::map<std::pair<std::uint64_t, std::uint32_t>, Value> nodes_;  // keyed by (index, level)
  [[no_unique_address]] Combine combine_;
};

/// Partial sums, one per statistic, added lane by lane.
struct AddSums {
  std::vector<double> operator()(std::vector<double> left, const std::vector<double>& right) const {
    for (std::size_t i = 0; i < left.size(); ++i) left[i] += right[i];
    return left;
  }
};
using SumTree = BlockTree<std::vector<double>, AddSums>;

}  // namespace stockpot
