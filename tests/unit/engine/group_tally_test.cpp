#include "engine/group_tally.hpp"

#include <gmock/gmock.h>

namespace stockpot::engine {
namespace {

using testing::ElementsAre;

/// A plan of two tensors of five and two blocks that form one group.
struct TwoTensors {
  plan::MergePlan plan;
  plan::Group group;
  TwoTensors() {
    const methods::MethodSpec* method = methods::find_method("linear");
    for (const std::uint64_t blocks : {5u, 2u}) {
      const std::uint64_t elements = (blocks - 1) * block_elements + 1;
      plan.context.push_back({.name = "t",
                              .shape = {elements},
                              .elements = elements,
                              .row_elements = elements,
                              .settings = methods::Settings(*method, 1),
                              .masks = {},
                              .ties = {},
                              .joint_ties = {}});
      plan.tensors.push_back({.output = {"t", DType::f32, {elements}}, .sources = {}, .base = {}});
    }
    group.tensors = {0, 1};
    plan.groups.push_back(group);
  }
};

TEST(GroupTally, SumsDoNotDependOnWhichRankHeldWhichBlock) {
  const TwoTensors model;
  const std::vector<double> values{1e16, 1.0, -1e16, 3.0, 1e-3, 0.5, 7.0};  // rounding shows any change of order
  const auto total_with = [&](auto rank_of_block) {
    GroupTally here(model.group, {.sums = 1}, {});
    GroupTally there(model.group, {.sums = 1}, {});
    for (std::size_t b = 0; b < values.size(); ++b) {
      GroupTally& tally = rank_of_block(b) ? there : here;
      tally.add_tile(b < 5 ? 0 : 1, b < 5 ? b : b - 5, std::vector{methods::Lanes{{values[b]}}}, {});
    }
    here.merge_reals(there.pack_reals());
    double total = 0.0;
    here.with_totals(model.plan, [&](const methods::Totals& totals) {
      total = totals.sums[0];
      EXPECT_EQ(totals.tensor_sums[0] + totals.tensor_sums[1], total);
    });
    return total;
  };
  const double alone = total_with([](std::size_t) { return false; });
  EXPECT_EQ(total_with([](std::size_t b) { return b % 2 == 0; }), alone);
  EXPECT_EQ(total_with([](std::size_t b) { return b >= 3; }), alone);
  EXPECT_EQ(total_with([](std::size_t) { return true; }), alone);
}

TEST(GroupTally, MaximaBelongToTensorsAndNaNIsTheLargest) {
  const TwoTensors model;
  GroupTally here(model.group, {.maxima = 1}, {}), there(model.group, {.maxima = 1}, {});
  const std::vector<double> values{3.0, 5.0, std::nan(""), 7.0};
  here.add_tile(0, 0, {}, std::span(&values[0], 1));
  there.add_tile(0, 1, {}, std::span(&values[1], 1));
  there.add_tile(1, 0, {}, std::span(&values[2], 1));
  here.add_tile(1, 1, {}, std::span(&values[3], 1));
  here.merge_reals(there.pack_reals());
  here.with_totals(model.plan, [](const methods::Totals& totals) {
    EXPECT_EQ(totals.tensor_maxima[0], 5.0);
    EXPECT_TRUE(std::isnan(totals.tensor_maxima[1]));
  });
}

TEST(GroupTally, CountsStartAtZeroAndAddUp) {
  const TwoTensors model;
  std::vector<std::uint64_t> memory{9, 9, 9};
  GroupTally tally(model.group, {.counts = 3}, memory);
  const std::vector<std::uint64_t> some{1, 2, 3};
  tally.add_counts(some);
  tally.add_counts(some);
  EXPECT_THAT(tally.counts(), ElementsAre(2, 4, 6));
}

}  // namespace
}  // namespace stockpot::engine
