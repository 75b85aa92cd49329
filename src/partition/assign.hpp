// Who does what: items to ranks, balanced by cost.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace stockpot::partition {

/// Assigns items to ranks, largest first to the least loaded (LPT): max <= mean + largest item.
/// @param costs      in bytes, in the plan's order, which also breaks ties; may be empty.
/// @param num_ranks  at least 1.
/// @param loads      what ranks have already; empty: nothing.
/// @return the rank of each item. Deterministic. O(n log n).
std::vector<std::uint32_t> assign(std::span<const std::uint64_t> costs, std::uint32_t num_ranks,
                                  std::span<const std::uint64_t> loads = {});

struct Balance {
  std::uint64_t least = 0, most = 0;
  double mean = 0;
  double imbalance = 1;  ///< most / mean; 1 if there is no work
};
Balance balance_of(std::span<const std::uint64_t> load_of_rank);

}  // namespace stockpot::partition
