// What is dealt together, and how evenly.
#include "plan/deal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "planned.hpp"

namespace stockpot::plan {
namespace {

using namespace test;
using stockpot::test::architecture_catalogue;
using testing::ElementsAre;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
const std::string trimmed = "parameters: {weight: 1, density: 0.5}\n";
const std::string trimmed_together = "parameters: {weight: 1, density: 0.5, scope: model}\n";
const std::string weighted = "parameters: {weight: 1}\n";

std::string recipe_for(const std::string& method, const std::string& more) {
  return fmt::format("merge_method: {}\nmodels:\n  - model: b\n  - model: c\nbase_model: a\n{}", method, more);
}

MergePlan plan_of(const std::string& method, const std::string& more, const std::vector<TensorInfo>& tensors) {
  const auto models = alike(3, tensors);
  return planned(recipe_for(method, more), {models[1], models[2], models[0]});
}

/// Names in the order in which they lie in the files.
std::vector<TensorInfo> many(const std::string& name, std::size_t count, const Shape& shape) {
  std::vector<TensorInfo> made;
  for (std::size_t k = 0; k < count; ++k) made.push_back({fmt::format("{}{:05}", name, k), DType::bf16, shape});
  return made;
}

std::vector<TensorInfo> operator+(std::vector<TensorInfo> some, const std::vector<TensorInfo>& others) {
  some.insert(some.end(), others.begin(), others.end());
  return some;
}

ScheduleOptions options(std::uint32_t ranks) {
  ScheduleOptions made;
  made.ranks = ranks;
  made.threads = 2;
  return made;
}

std::vector<std::uint32_t> in_reading_order(const MergePlan& plan, const Schedule& schedule) {
  std::vector<std::uint32_t> units(schedule.units.size());
  for (std::uint32_t u = 0; u < units.size(); ++u) units[u] = u;
  std::ranges::sort(units, {}, [&](std::uint32_t u) { return position(plan, schedule.units[u]); });
  return units;
}

/// Ranks of units in the order in which they are read: how many units of one rank lie side by side, on average.
double run_length(const MergePlan& plan, const Schedule& schedule) {
  std::size_t runs = 0;
  std::uint32_t last = no_rank;
  for (const std::uint32_t u : in_reading_order(plan, schedule)) {
    if (schedule.units[u].rank != last) ++runs;
    last = schedule.units[u].rank;
  }
  return static_cast<double>(schedule.units.size()) / static_cast<double>(runs);
}

TEST(Deal, SmallNeighboursGoToOneRankWhateverIsMadeOfThem) {
  const auto tensors = many("large", 16, {2048, 2048}) + many("small", 4000, {16, 16});
  for (const auto& [method, more] : {std::pair<std::string, std::string>{"task_arithmetic", weighted},
                                     {"passthrough", ""},
                                     {"model_stock", ""},
                                     {"ties", trimmed_together}}) {
    SCOPED_TRACE(method + more);
    const auto plan = method == "passthrough"
                          ? planned("merge_method: passthrough\nmodels: [{model: a}]\n", alike(1, tensors))
                          : plan_of(method, more, tensors);
    const Schedule schedule = make_schedule(plan, options(4));
    EXPECT_GE(run_length(plan, schedule), 50);
    EXPECT_LE(schedule.balance.imbalance, 1.05);
  }
}

TEST(Deal, NeighboursThatMakeATransferAreEnough) {
  const auto plan = plan_of("task_arithmetic", weighted, many("large", 64, {2048, 2048}) + many("w", 64, {64, 1024}));
  ScheduleOptions small = options(2), large = options(2);
  small.chunk_bytes = mebibyte / 4;
  const auto transfers_of = [&](const ScheduleOptions& chosen) {
    const Schedule schedule = make_schedule(plan, chosen);
    std::vector<std::uint32_t> ranks;
    for (const Unit& unit : schedule.units) {
      if (unit.range.count == 65'536) ranks.push_back(unit.rank);
    }
    return ranks;
  };
  const auto in_pairs = transfers_of(small), in_eights = transfers_of(large);  // 128 KiB each
  ASSERT_EQ(in_pairs.size(), 64u);
  for (std::size_t k = 0; k < 64; ++k) {
    EXPECT_EQ(in_pairs[k], in_pairs[k / 2 * 2]);
    EXPECT_EQ(in_eights[k], in_eights[k / 8 * 8]);
  }
  EXPECT_NE(in_pairs, in_eights);
}

TEST(Deal, FewSmallTensorsAreStillDealtToAllRanks) {
  const auto plan = plan_of("task_arithmetic", weighted, many("w", 12, {16, 16}));
  std::vector<std::uint32_t> ranks;
  for (const Unit& unit : make_schedule(plan, options(12)).units) ranks.push_back(unit.rank);
  std::ranges::sort(ranks);
  EXPECT_THAT(ranks, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

TEST(Deal, ManySmallTensorsAloneAreDealtEvenly) {
  const auto plan = plan_of("task_arithmetic", weighted, many("w", 20'000, {16, 16}));
  for (const std::uint32_t ranks : {2u, 3u, 7u, 64u}) {
    EXPECT_LE(make_schedule(plan, options(ranks)).balance.imbalance, 1.05) << ranks << " ranks";
  }
}

TEST(Deal, WhatIsReadFromDifferentFilesIsNotJoined) {
  auto models = alike(3, many("large", 16, {2048, 2048}) + many("small", 256, {16, 16}));
  for (Catalogue& model : models) {
    for (std::size_t t = 0; t < model.tensors.size(); ++t) model.tensors[t].file = static_cast<std::uint32_t>(t);
  }
  const auto plan = planned(recipe_for("task_arithmetic", weighted), {models[1], models[2], models[0]});
  EXPECT_LE(run_length(plan, make_schedule(plan, options(4))), 2);
}

TEST(Deal, TensorsHaveAPriceOfTheirOwn) {
  // Of base and two models and the result 8 MiB are moved; small tensors are 2 KiB and a price of 16 KiB.
  const auto plan = plan_of("task_arithmetic", weighted, many("large", 1, {1024, 1024}) + many("small", 640, {16, 16}));
  const Schedule schedule = make_schedule(plan, options(2));
  const std::uint32_t with_large = schedule.units[0].rank;
  const auto small = std::ranges::count(schedule.units, with_large, &Unit::rank) - 1;
  EXPECT_NEAR(static_cast<double>(small), 320 - 8192 / 18.0 / 2, 20);  // of 640: joined by some ten
  EXPECT_LE(schedule.work.imbalance, 1.05);
  EXPECT_GE(schedule.balance.imbalance, 1.5);
}

TEST(Deal, CountersOfGroupsHaveAPriceOfTheirOwn) {
  const auto plan = plan_of("ties", trimmed, many("large", 1, {4096, 1024}) + many("small", 64, {264, 264}));
  const double price = static_cast<double>(plan.groups[1].needs.tally.counts) * 4 / 1024 + 16;  // KiB, as below
  const double of_large = 4096 * 8 + price, of_small = 264 * 264 * 8.0 / 1024 + price;
  ASSERT_GE(price, 500) << "its keys are counted, not listed";
  ScheduleOptions in_one = options(2);
  in_one.unit_bytes = 64 * mebibyte;
  const Schedule schedule = make_schedule(plan, in_one);
  const std::uint32_t with_large = schedule.units[0].rank;
  const auto small = std::ranges::count(schedule.units, with_large, &Unit::rank) - 1;
  EXPECT_NEAR(static_cast<double>(small), 32 - of_large / of_small / 2, 1) << "by bytes alone: 2";
}

TEST(Deal, BytesThatSmallTensorsMakeUpForAreNoImbalanceToWarnOf) {
  const auto plan =
      plan_of("task_arithmetic", weighted, many("large", 1, {8192, 4096}) + many("small", 16'000, {16, 16}));
  ScheduleOptions in_one = options(2);
  in_one.unit_bytes = 64 * mebibyte;
  const Schedule schedule = make_schedule(plan, in_one);
  EXPECT_GE(schedule.balance.imbalance, 1.7);
  EXPECT_LE(schedule.work.imbalance, 1.05);
  EXPECT_THAT(schedule.warnings, testing::IsEmpty());
}

TEST(Deal, PublicShapesAreDealtEvenlyOnThousandsOfRanks) {
  for (const auto& [architecture, ranks] :
       {std::pair<std::string, std::uint32_t>{"llama-70b", 1024}, {"llama-405b", 4096}}) {
    for (const auto& [method, more] :
         {std::pair<std::string, std::string>{"task_arithmetic", weighted}, {"ties", trimmed}}) {
      const auto plan = planned(recipe_for(method, more),
                                {architecture_catalogue("b", architecture), architecture_catalogue("c", architecture),
                                 architecture_catalogue("a", architecture)});
      EXPECT_LE(make_schedule(plan, options(ranks)).balance.imbalance, 1.05) << architecture << " " << method;
    }
  }
}

}  // namespace
}  // namespace stockpot::plan
