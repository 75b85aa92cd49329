#include "partition/assign.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <string>

#include "core/architectures.hpp"
#include "partition/unit.hpp"

namespace stockpot::partition {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::uint64_t> loads_of(const std::vector<std::uint64_t>& costs, std::uint32_t ranks) {
  std::vector<std::uint64_t> loads(ranks, 0);
  const auto rank_of = assign(costs, ranks);
  for (std::size_t item = 0; item < costs.size(); ++item) loads[rank_of[item]] += costs[item];
  return loads;
}

std::vector<std::uint64_t> random_costs(std::mt19937_64& random, std::size_t count, std::uint64_t most) {
  std::vector<std::uint64_t> costs(count);
  for (auto& cost : costs) cost = random() % most + 1;
  return costs;
}

TEST(Assign, GivesTheLargestFirstToTheLeastLoaded) {
  EXPECT_THAT(assign(std::vector<std::uint64_t>{2, 7, 3, 4}, 2), ElementsAre(0, 0, 1, 1));  // 7 | 4 3 | then 2 on 7
}

TEST(Assign, BreaksTiesByIndexAndByRank) {
  EXPECT_THAT(assign(std::vector<std::uint64_t>{5, 5, 5, 5}, 3), ElementsAre(0, 1, 2, 0));
}

TEST(Assign, WhoHasSomethingAlreadyGetsLess) {
  const std::vector<std::uint64_t> costs{3, 3, 3}, loads{7, 0};
  EXPECT_THAT(assign(costs, 2, loads), ElementsAre(1, 1, 1));
  EXPECT_THAT(assign(costs, 2, std::vector<std::uint64_t>{4, 0}), ElementsAre(1, 1, 0));
}

TEST(Assign, NothingToDoIsFine) { EXPECT_THAT(assign({}, 4), IsEmpty()); }

TEST(Assign, OneRankGetsEverything) { EXPECT_THAT(assign(std::vector<std::uint64_t>{3, 1, 2}, 1), Each(0u)); }

TEST(Assign, TheBusiestRankExceedsTheMeanByLessThanTheLargestItem) {
  std::mt19937_64 random(20240817);
  for (int trial = 0; trial < 200; ++trial) {
    const auto costs = random_costs(random, random() % 300 + 1, 1'000'000);
    const auto ranks = static_cast<std::uint32_t>(random() % 40 + 1);
    const Balance balance = balance_of(loads_of(costs, ranks));
    const double largest = static_cast<double>(*std::max_element(costs.begin(), costs.end()));
    EXPECT_LE(static_cast<double>(balance.most), balance.mean + largest) << "trial " << trial;
    // Graham's bound holds against the optimum, which is at least the mean and at least the largest item.
    const double optimum = std::max(balance.mean, largest);
    EXPECT_LE(static_cast<double>(balance.most), 2.0 * optimum) << "trial " << trial;
  }
}

TEST(Assign, LoadsDoNotDependOnTheOrderOfTheItems) {
  std::mt19937_64 random(7);
  auto costs = random_costs(random, 500, 40);  // many ties
  auto before = loads_of(costs, 13);
  std::shuffle(costs.begin(), costs.end(), random);
  EXPECT_EQ(loads_of(costs, 13), before);
}

TEST(Balance, OfNoWorkIsEven) {
  EXPECT_EQ(balance_of(std::vector<std::uint64_t>{0, 0}).imbalance, 1.0);
  EXPECT_EQ(balance_of({}).imbalance, 1.0);
}

TEST(Balance, NamesTheExtremesAndTheirRatio) {
  const Balance balance = balance_of(std::vector<std::uint64_t>{2, 6, 4});
  EXPECT_EQ(balance.least, 2u);
  EXPECT_EQ(balance.most, 6u);
  EXPECT_EQ(balance.mean, 4.0);
  EXPECT_EQ(balance.imbalance, 1.5);
}

/// max/mean of bf16 bytes per rank: whole tensors (unit_bytes 0), or cut into units.
double imbalance(const std::string& architecture, std::uint32_t ranks, std::uint64_t unit_bytes) {
  std::vector<std::uint64_t> costs;
  for (const auto& tensor : architecture_tensors(architecture, DType::bf16)) {
    const std::uint64_t unit = unit_bytes == 0 ? tensor.elements() : unit_elements(unit_bytes / 2, 0);
    for (const ElementRange range : cut(tensor.elements(), unit)) costs.push_back(bytes_of(tensor.dtype, range.count));
  }
  return balance_of(loads_of(costs, ranks)).imbalance;
}

struct Golden {
  std::string architecture;
  std::vector<double> whole;  // R = 64, 128, 256, 512, 1024
  double split;               // R = 1024, units of 64 MiB
};

class PublicShapes : public testing::TestWithParam<Golden> {};

TEST_P(PublicShapes, AreDealtAsEvenlyAsThePlanningTableSays) {
  std::uint32_t ranks = 64;
  for (const double expected : GetParam().whole) {
    EXPECT_NEAR(imbalance(GetParam().architecture, ranks, 0), expected, 0.006 * expected) << ranks << " ranks";
    ranks *= 2;
  }
  EXPECT_NEAR(imbalance(GetParam().architecture, 1024, std::uint64_t{64} << 20), GetParam().split, 0.006);
}

INSTANTIATE_TEST_SUITE_P(Assign, PublicShapes,
                         testing::Values(Golden{"llama-70b", {1.04, 1.91, 3.81, 7.63, 15.2}, 1.46},
                                         Golden{"llama-405b", {1.00, 1.00, 1.33, 2.65, 5.30}, 1.02},
                                         Golden{"deepseek-671b", {1.00, 1.00, 1.00, 1.01, 1.41}, 1.01},
                                         Golden{"kimi-1t", {1.00, 1.00, 1.00, 1.00, 1.17}, 1.01}),
                         [](const auto& golden) {
                           std::string name = golden.param.architecture;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace stockpot::partition
