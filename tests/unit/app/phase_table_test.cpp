#include "app/phase_table.hpp"

#include <gmock/gmock.h>

namespace stockpot::app {
namespace {

using testing::HasSubstr;
using testing::Not;

io::RankRecord on_host(std::string host, double merging, double read) {
  io::RankRecord rank;
  rank.host = std::move(host);
  rank.busy_seconds = merging;
  rank.phases = {{"plan", 0}, {"merging", merging}};
  rank.worker_phases = {{"read", read}, {"write", 0.004}};
  return rank;
}

TEST(PhaseTable, HasMeanMostAndSlowestRankOfEachPhaseThatTookTime) {
  const std::string table = phase_table({on_host("n1", 1, 2), on_host("n2", 3, 6)}, 4);
  EXPECT_EQ(table,
            "phase               mean        most   rank\n"
            "  merging         2.00 s      3.00 s      1 n2\n"
            "of a worker thread, while merging\n"
            "  read            1.00 s      1.50 s      1 n2\n");
}

TEST(PhaseTable, OfNoRanksIsEmpty) { EXPECT_EQ(phase_table({}, 4), ""); }

TEST(PhaseTable, ShowsHostsWithoutWhatTerminalsObey) {
  EXPECT_THAT(phase_table({on_host("n\x1b[2J", 1, 0)}, 1), Not(HasSubstr("\x1b")));
}

TEST(RankLines, OfManyRanksAreThoseOfTheSlowest) {
  std::vector<io::RankRecord> ranks(64, on_host("n", 1, 1));
  ranks[40].busy_seconds = 2;
  std::string lines = rank_lines(ranks);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 64);
  EXPECT_THAT(lines, testing::StartsWith("rank    0 "));
  ranks.push_back(on_host("n", 1, 1));
  lines = rank_lines(ranks);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 16);
  EXPECT_THAT(lines, testing::StartsWith("rank   40 "));
}

}  // namespace
}  // namespace stockpot::app
