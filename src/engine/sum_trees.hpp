// Sums over tiles on their way between ranks: trees packed into bytes, and put together again.
#pragma once

#include <cstddef>
#include <span>

#include "core/block_tree.hpp"
#include "core/bytes.hpp"

namespace stockpot::engine {

/// Appends the subtrees that are complete here, each with its tree's place.
inline void pack_sums(std::span<const SumTree> trees, ByteWriter& out) {
  for (std::size_t place = 0; place < trees.size(); ++place) {
    for (const auto& node : trees[place].nodes()) {
      out.number(place);
      out.number(node.level);
      out.number(node.index);
      for (const double sum : node.value) out.real(sum);
    }
  }
}

/// Adds all that is left in `in`. @param sums  values of each node
inline void merge_sums(ByteReader& in, std::size_t sums, std::span<SumTree> trees) {
  while (!in.done()) {
    const auto place = in.number();
    const auto level = static_cast<std::uint32_t>(in.number());
    const auto index = in.number();
    std::vector<double> value(sums);
    for (double& sum : value) sum = in.real();
    trees[place].insert(level, index, std::move(value));
  }
}

}  // namespace stockpot::engine
