#include "partition/assign.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>
#include <utility>

namespace stockpot::partition {

std::vector<std::uint32_t> assign(std::span<const std::uint64_t> costs, std::uint32_t num_ranks,
                                  std::span<const std::uint64_t> loads) {
  std::vector<std::size_t> largest_first(costs.size());
  std::iota(largest_first.begin(), largest_first.end(), std::size_t{0});
  std::stable_sort(largest_first.begin(), largest_first.end(),
                   [&](std::size_t a, std::size_t b) { return costs[a] > costs[b]; });

  using LoadOfRank = std::pair<std::uint64_t, std::uint32_t>;
  std::vector<LoadOfRank> idle(num_ranks);
  for (std::uint32_t rank = 0; rank < num_ranks; ++rank) idle[rank] = {loads.empty() ? 0 : loads[rank], rank};
  std::priority_queue<LoadOfRank, std::vector<LoadOfRank>, std::greater<>> least_loaded({}, std::move(idle));

  std::vector<std::uint32_t> rank_of(costs.size());
  for (const std::size_t item : largest_first) {
    auto [load, rank] = least_loaded.top();
    least_loaded.pop();
    rank_of[item] = rank;
    least_loaded.emplace(load + costs[item], rank);
  }
  return rank_of;
}

Balance balance_of(std::span<const std::uint64_t> load_of_rank) {
  Balance balance;
  if (load_of_rank.empty()) return balance;
  const auto [least, most] = std::minmax_element(load_of_rank.begin(), load_of_rank.end());
  const auto total = std::accumulate(load_of_rank.begin(), load_of_rank.end(), std::uint64_t{0});
  balance.least = *least;
  balance.most = *most;
  balance.mean = static_cast<double>(total) / static_cast<double>(load_of_rank.size());
  if (total > 0) balance.imbalance = static_cast<double>(balance.most) / balance.mean;
  return balance;
}

}  // namespace stockpot::partition
