#include "app/phase_table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/size.hpp"

namespace stockpot::app {
namespace {

using Phases = std::vector<io::RankRecord::Phase> io::RankRecord::*;

std::string line_of(const std::vector<io::RankRecord>& ranks, Phases phases, std::size_t p, double threads) {
  double sum = 0, most = 0;
  std::size_t slowest = 0;
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    const double seconds = (ranks[r].*phases)[p].seconds / threads;
    sum += seconds;
    if (seconds <= most) continue;
    most = seconds;
    slowest = r;
  }
  constexpr double shown_as_zero = 0.005;
  if (most < shown_as_zero) return "";
  return fmt::format("  {:<10} {:>9.2f} s {:>9.2f} s  {:>5} {}\n", (ranks.front().*phases)[p].name,
                     sum / static_cast<double>(ranks.size()), most, slowest, printable(ranks[slowest].host));
}

std::string lines_of(const std::vector<io::RankRecord>& ranks, Phases phases, double threads) {
  std::string lines;
  for (std::size_t p = 0; p < (ranks.front().*phases).size(); ++p) lines += line_of(ranks, phases, p, threads);
  return lines;
}

}  // namespace

std::string rank_lines(const std::vector<io::RankRecord>& ranks) {
  std::vector<std::size_t> shown = io::slowest_first(ranks);
  if (ranks.size() > io::most_ranks_shown) {
    shown.resize(io::slowest_ranks_shown);
  } else {
    std::ranges::sort(shown);
  }
  std::string lines;
  for (const std::size_t r : shown) {
    const io::RankRecord& rank = ranks[r];
    lines += fmt::format("rank {:>4}  read {:>10}  wrote {:>10}  busy {:>8.2f} s  pool {:>10}  peak memory {:>10}\n", r,
                         human_bytes(rank.bytes_read), human_bytes(rank.bytes_written), rank.busy_seconds,
                         human_bytes(rank.pool_high_water), human_bytes(rank.peak_resident));
  }
  return lines;
}

std::string phase_table(const std::vector<io::RankRecord>& ranks, std::uint64_t threads) {
  if (ranks.empty()) return "";
  return fmt::format("{:<12} {:>11} {:>11}  {:>5}\n", "phase", "mean", "most", "rank") +
         lines_of(ranks, &io::RankRecord::phases, 1) + "of a worker thread, while merging\n" +
         lines_of(ranks, &io::RankRecord::worker_phases, static_cast<double>(threads));
}

}  // namespace stockpot::app
