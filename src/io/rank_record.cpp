#include "io/rank_record.hpp"

#include <algorithm>
#include <numeric>
#include <string_view>

namespace stockpot::io {
namespace {

double rate(std::uint64_t bytes, double seconds) { return seconds > 0 ? static_cast<double>(bytes) / seconds : 0; }

}  // namespace

double seconds_of(const std::vector<RankRecord::Phase>& phases, std::string_view name) {
  const auto found = std::ranges::find(phases, name, &RankRecord::Phase::name);
  return found == phases.end() ? 0 : found->seconds;
}

double read_rate(const RankRecord& rank) { return rate(rank.bytes_read, seconds_of(rank.worker_phases, "read")); }
double write_rate(const RankRecord& rank) { return rate(rank.bytes_written, seconds_of(rank.worker_phases, "write")); }

double imbalance(const std::vector<RankRecord>& ranks) {
  double sum = 0, most = 0;
  for (const RankRecord& rank : ranks) {
    sum += rank.busy_seconds;
    most = std::max(most, rank.busy_seconds);
  }
  return sum > 0 ? most / (sum / static_cast<double>(ranks.size())) : 1;
}

double wall_seconds(const std::vector<RankRecord>& ranks) {
  double most = 0;
  for (const RankRecord& rank : ranks) most = std::max(most, rank.wall_seconds);
  return most;
}

std::vector<std::size_t> slowest_first(const std::vector<RankRecord>& ranks) {
  std::vector<std::size_t> order(ranks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order,
                           [&](std::size_t a, std::size_t b) { return ranks[a].busy_seconds > ranks[b].busy_seconds; });
  return order;
}

}  // namespace stockpot::io
