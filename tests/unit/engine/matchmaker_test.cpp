// Who is asked to give work to whom.
#include "engine/matchmaker.hpp"

#include <gmock/gmock.h>

#include <set>

namespace stockpot::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Word = Matchmaker::Word;
constexpr int leave = Matchmaker::none;

TEST(Matchmaker, AsksEachOfTheOthersBeforeAnIdleRankMayLeave) {
  Matchmaker matchmaker(3);
  EXPECT_THAT(matchmaker.is_idle(1), ElementsAre(Word{2, 1}));
  EXPECT_THAT(matchmaker.has_nothing_for(2, 1), ElementsAre(Word{0, 1}));
  EXPECT_THAT(matchmaker.has_nothing_for(0, 1), ElementsAre(Word{1, leave}));
  EXPECT_FALSE(matchmaker.all_left()) << "two are still at work";
  EXPECT_THAT(matchmaker.is_idle(0), ElementsAre(Word{0, leave}));
  EXPECT_THAT(matchmaker.is_idle(2), ElementsAre(Word{2, leave}));
  EXPECT_TRUE(matchmaker.all_left());
}

TEST(Matchmaker, WhoWasGivenWorkIsIdleAgainAndThenOthersAreAsked) {
  Matchmaker matchmaker(2);
  EXPECT_THAT(matchmaker.is_idle(0), ElementsAre(Word{1, 0}));
  EXPECT_THAT(matchmaker.is_idle(0), ElementsAre(Word{1, 0})) << "it got a parcel, did it, and comes back";
  EXPECT_THAT(matchmaker.is_idle(1), ElementsAre(Word{1, leave})) << "all of its own is done";
  EXPECT_THAT(matchmaker.has_nothing_for(1, 0), ElementsAre(Word{0, leave}));
  EXPECT_TRUE(matchmaker.all_left());
}

TEST(Matchmaker, SpreadsIdleRanksOverThoseThatMayHaveWork) {
  Matchmaker matchmaker(8);
  std::set<int> asked;
  for (int rank = 0; rank < 4; ++rank) {
    const auto words = matchmaker.is_idle(rank);
    ASSERT_EQ(words.size(), 1u);
    EXPECT_EQ(words[0].helper, rank);
    EXPECT_NE(words[0].to, rank);
    asked.insert(words[0].to);
  }
  EXPECT_EQ(asked.size(), 4u);
}

TEST(Matchmaker, OneRankAloneLeavesAtOnce) {
  Matchmaker matchmaker(1);
  EXPECT_THAT(matchmaker.is_idle(0), ElementsAre(Word{0, leave}));
  EXPECT_TRUE(matchmaker.all_left());
}

}  // namespace
}  // namespace stockpot::engine
