#include "io/rank_record.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "io/rank_record_json.hpp"

namespace stockpot::io {
namespace {

using nlohmann::ordered_json;
using testing::ElementsAre;

RankRecord busy_for(double seconds) {
  RankRecord rank;
  rank.host = "node" + std::to_string(static_cast<int>(seconds));
  rank.busy_seconds = seconds;
  rank.phases = {{"merging", seconds}, {"waiting", 0.5}};
  rank.bytes_read = static_cast<std::uint64_t>(seconds) * 1'000'000'000;
  rank.worker_phases = {{"read", 4}};
  return rank;
}

ordered_json json_of(const std::vector<RankRecord>& ranks) {
  ordered_json json;
  add_ranks(ranks, json);
  return json;
}

TEST(RankRecord, RatesAreThoseOfAWorkerThatReadsOrWrites) {
  RankRecord rank;
  rank.bytes_read = 6'000;
  rank.bytes_written = 1'000;
  rank.worker_phases = {{"read", 3}, {"write", 0}};
  EXPECT_DOUBLE_EQ(read_rate(rank), 2'000);
  EXPECT_DOUBLE_EQ(write_rate(rank), 0) << "took no time";
}

TEST(RankRecord, ImbalanceIsMostDividedByMean) {
  EXPECT_DOUBLE_EQ(imbalance({busy_for(1), busy_for(2), busy_for(6)}), 2);
  EXPECT_DOUBLE_EQ(imbalance({busy_for(0), busy_for(0)}), 1);
}

TEST(RankRecord, TheSlowestComeFirstAndEqualOnesByNumber) {
  EXPECT_THAT(slowest_first({busy_for(1), busy_for(3), busy_for(1), busy_for(2)}), ElementsAre(1, 3, 0, 2));
}

TEST(RankRecords, OfFewRanksAreAllShown) {
  const ordered_json json = json_of({busy_for(1), busy_for(3)});
  ASSERT_EQ(json["per_rank"].size(), 2u);
  EXPECT_EQ(json["per_rank"][1]["rank"], 1);
  EXPECT_EQ(json["per_rank"][1]["host"], "node3");
  EXPECT_EQ(json["per_rank"][1]["phases"]["merging"], 3.0);
  EXPECT_EQ(json["per_rank"][1]["worker_read_gb_per_second"], 0.75);
  EXPECT_EQ(json["slowest_rank"], (ordered_json{{"rank", 1}, {"host", "node3"}, {"busy_seconds", 3.0}}));
  EXPECT_FALSE(json.contains("rank_quantiles"));
}

TEST(RankRecords, TheSlowestCallIsNamedIfThereWasOne) {
  RankRecord rank = busy_for(1);
  rank.storage.transfers[static_cast<std::size_t>(Transfer::write)] = {2, 0.5, 0.4, "out/model.safetensors", 4096};
  const ordered_json json = json_of({rank})["per_rank"][0];
  EXPECT_EQ(json["writes"]["calls"], 2);
  EXPECT_EQ(json["writes"]["slowest_file"], "out/model.safetensors");
  EXPECT_EQ(json["writes"]["slowest_byte"], 4096);
  EXPECT_EQ(json["reads"]["calls"], 0);
  EXPECT_FALSE(json["reads"].contains("slowest_file"));
}

TEST(RankRecords, OfManyRanksTheSlowestAreShownAndHowTheOthersSpread) {
  std::vector<RankRecord> ranks;
  for (int r = 0; r < 101; ++r) ranks.push_back(busy_for((r * 7) % 101));  // each of 0 to 100 once
  const ordered_json json = json_of(ranks);
  ASSERT_EQ(json["per_rank"].size(), 16u);
  EXPECT_EQ(json["per_rank"][0]["busy_seconds"], 100.0);
  EXPECT_EQ(json["per_rank"][0]["rank"], 72) << "72 * 7 = 504 = 4 * 101 + 100";
  EXPECT_EQ(json["per_rank"][15]["busy_seconds"], 85.0);
  EXPECT_EQ(json["rank_quantiles"]["busy_seconds"], ordered_json({0.0, 25.0, 50.0, 75.0, 100.0}));
  EXPECT_EQ(json["rank_quantiles"]["phases"]["waiting"], ordered_json({0.5, 0.5, 0.5, 0.5, 0.5}));
  EXPECT_EQ(json["rank_quantiles"]["bytes_read"].dump(), "[0,25000000000,50000000000,75000000000,100000000000]")
      << "whole numbers stay whole";
}

TEST(RankRecords, BecomeQuantilesAboveSixtyFourRanks) {
  EXPECT_EQ(json_of(std::vector<RankRecord>(64, busy_for(1)))["per_rank"].size(), 64u);
  EXPECT_EQ(json_of(std::vector<RankRecord>(65, busy_for(1)))["per_rank"].size(), 16u);
}

}  // namespace
}  // namespace stockpot::io
