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
      plan.context.push_back({"t", {elements}, elements, elements, methods::Settings(*method, 1), {}, 0});
    }
    group.tensors = {0, 1};
  }
};

TEST(GroupTally, SumsDoNotDependOnWhichRankHeldWhichBlock) {
  const TwoTensors model;
  const std::vector<double> values{1e16, 1.0, -1e16, 3.0, 1e-3, 0.5, 7.0};  // rounding shows any change of order
  const auto total_with = [&](auto rank_of_block) {
    GroupTally here(model.group, {0, 1}, {});
    GroupTally there(model.group, {0, 1}, {});
    for (std::size_t b = 0; b < values.size(); ++b) {
      GroupTally& tally = rank_of_block(b) ? there : here;
      tally.add_sums(b < 5 ? 0 : 1, b < 5 ? b : b - 5, std::span(&values[b], 1));
    }
    here.merge_sums(there.pack_sums());
    return here.total_sums(model.plan)[0];
  };
  const double alone = total_with([](std::size_t) { return false; });
  EXPECT_EQ(total_with([](std::size_t b) { return b % 2 == 0; }), alone);
  EXPECT_EQ(total_with([](std::size_t b) { return b >= 3; }), alone);
  EXPECT_EQ(total_with([](std::size_t) { return true; }), alone);
}

TEST(GroupTally, CountsStartAtZeroAndAddUp) {
  const TwoTensors model;
  std::vector<std::uint64_t> memory{9, 9, 9};
  GroupTally tally(model.group, {3, 0}, memory);
  const std::vector<std::uint64_t> some{1, 2, 3};
  tally.add_counts(some);
  tally.add_counts(some);
  EXPECT_THAT(tally.counts(), ElementsAre(2, 4, 6));
}

}  // namespace
}  // namespace stockpot::engine
