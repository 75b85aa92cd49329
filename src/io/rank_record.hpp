// What one rank did in a merge, for the run record and for the table at its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/storage_totals.hpp"

namespace stockpot::io {

struct RankRecord {
  /// Time in one phase.
  struct Phase {
    std::string name;
    double seconds = 0;
  };
  std::string host;
  std::uint64_t bytes_read = 0, bytes_written = 0;
  std::uint64_t bytes_found = 0;  ///< of inputs, in memory, where another merge of the same sweep had read them
  std::uint64_t pool_high_water = 0, peak_resident = 0;
  std::uint64_t units = 0;             ///< merged and written by this rank
  std::uint64_t units_taken_over = 0;  ///< of these, dealt to others that had not begun them
  double wall_seconds = 0;             ///< since the program began, or the stage before ended
  double busy_seconds = 0;             ///< while workers worked: without waiting for other ranks
  std::vector<Phase> phases;         ///< of the main thread: they add up to wall_seconds. The same names on every rank
  std::vector<Phase> worker_phases;  ///< of all worker threads together, while merging
  StorageTotals storage;
  std::uint64_t journal_commits = 0;
  double journal_seconds = 0;
};

/// Seconds of a phase of that name; 0 if there is none.
double seconds_of(const std::vector<RankRecord::Phase>& phases, std::string_view name);

/// Bytes that one worker thread reads or writes in a second of doing that. 0 if it took no time.
double read_rate(const RankRecord& rank);
double write_rate(const RankRecord& rank);

/// Most of the ranks' busy seconds, divided by their mean; 1 where nobody was busy.
double imbalance(const std::vector<RankRecord>& ranks);
/// Of the rank that took longest.
double wall_seconds(const std::vector<RankRecord>& ranks);
/// Ranks by busy seconds, most first; equal ones by number.
std::vector<std::size_t> slowest_first(const std::vector<RankRecord>& ranks);

/// Above so many ranks, the run record and the log show the slowest only.
inline constexpr std::size_t most_ranks_shown = 64;
inline constexpr std::size_t slowest_ranks_shown = 16;

}  // namespace stockpot::io
