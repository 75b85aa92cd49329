// Strips of the next wave are let in where memory is free, in step with those that were merged.
#include "engine/wave_overlap.hpp"

#include <gmock/gmock.h>

namespace stockpot::engine {
namespace {

using testing::Eq;

/// How many strips can be taken at once.
std::size_t take_all(WaveOverlap& overlap) {
  std::size_t taken = 0;
  while (overlap.take()) ++taken;
  return taken;
}

TEST(WaveOverlap, LetsInWhatFitsInFrontOfTheFirstStripThatIsNotMerged) {
  const std::vector<std::uint64_t> begins{0, 10, 20, 30};
  WaveOverlap overlap(begins, 4, {5, 10, 15, 20, 25, 30}, 6);
  EXPECT_EQ(take_all(overlap), 0u);
  overlap.merged(1);
  EXPECT_EQ(take_all(overlap), 0u) << "memory from 10 to 20 is free, but none in front of it";
  overlap.merged(0);
  EXPECT_THAT(overlap.take(), Eq(0u));
  EXPECT_THAT(overlap.take(), Eq(1u));
  EXPECT_THAT(overlap.take(), Eq(2u));
  EXPECT_EQ(take_all(overlap), 0u) << "half was merged, half was taken";
  EXPECT_EQ(overlap.taken(), 3u);
}

TEST(WaveOverlap, LeavesWhatMemoryHeldBackToAllWorkers) {
  const std::vector<std::uint64_t> begins{0, 10};
  WaveOverlap overlap(begins, 2, {100, 200, 300}, 3);
  overlap.merged(0);
  EXPECT_EQ(take_all(overlap), 0u);
  overlap.merged(1);
  EXPECT_EQ(take_all(overlap), 0u) << "one worker is still here, the others are through";
  EXPECT_EQ(overlap.taken(), 0u);
}

TEST(WaveOverlap, NeedsNoMemoryForStripsThatAreNotKept) {
  const std::vector<std::uint64_t> begins{0, 10};
  WaveOverlap streams(begins, 4, {}, 8);
  streams.merged(3);
  EXPECT_EQ(take_all(streams), 2u);
  WaveOverlap after_streams(begins, 4, {10, 20, 30, 40}, 4);
  after_streams.merged(0);
  after_streams.merged(1);
  EXPECT_EQ(take_all(after_streams), 2u) << "what is merged last keeps nothing";
}

}  // namespace
}  // namespace stockpot::engine
