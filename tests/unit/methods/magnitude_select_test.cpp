#include "methods/kernels/magnitude_select.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "core/error.hpp"

namespace stockpot::methods {
namespace {

using ::testing::ElementsAre;

/// Runs all passes over `values` and returns what is kept of them; `passes` counts them.
template <class T>
std::vector<T> selected(const std::vector<T>& values, SelectTarget target, bool wide, int* passes = nullptr) {
  MagnitudeSelect select(std::span(&target, 1), values.size(), wide);
  while (const auto shape = select.next_pass()) {
    std::vector<std::uint64_t> counts(shape->counts);
    for_each_sub_tile(values.size(), [&](std::size_t first, std::size_t count) {
      if (select.wants(first, count)) select.count(0, first, values.data() + first, count, counts);
    });
    select.conclude(counts);
    if (passes != nullptr) ++*passes;
  }
  std::vector<T> kept = values;
  for_each_sub_tile(values.size(), [&](std::size_t first, std::size_t count) {
    select.keep_selected(0, first, count, kept.data() + first);
  });
  return kept;
}

std::vector<float> select_float(const std::vector<float>& values, SelectTarget target) {
  return selected(values, target, false);
}

TEST(MagnitudeSelect, KeepsTheLargestWhateverTheirSign) {
  EXPECT_THAT(select_float({1, -5, 3, -2, 4}, {.rank = 2}), ElementsAre(0, -5, 0, 0, 4));
}

TEST(MagnitudeSelect, AmongEqualsTheLowerIndexWins) {
  EXPECT_THAT(select_float({1, -1, 2, 1, 1}, {.rank = 3}), ElementsAre(1, -1, 2, 0, 0));
}

TEST(MagnitudeSelect, CanKeepAllEquals) {
  EXPECT_THAT(select_float({1, -1, 2, 1, 0.5f}, {.rank = 2, .all_equal = true}), ElementsAre(1, -1, 2, 1, 0));
}

TEST(MagnitudeSelect, NothingAndEverythingNeedNoPass) {
  int passes = 0;
  EXPECT_THAT(selected<float>({1, 2}, {.rank = 0}, false, &passes), ElementsAre(0, 0));
  EXPECT_THAT(selected<float>({1, 2}, {.rank = 2}, false, &passes), ElementsAre(1, 2));
  EXPECT_EQ(passes, 0);
}

TEST(MagnitudeSelect, DistinctMagnitudesNeedTwoPasses) {
  int passes = 0;
  selected<float>({1, 2, 3, 4}, {.rank = 2}, false, &passes);
  EXPECT_EQ(passes, 2);
}

TEST(MagnitudeSelect, PutsNaNAboveInfinityAndSubnormalsAboveZero) {
  const float tiny = 1e-45f;
  const auto two = select_float({INFINITY, 1, NAN, 2}, {.rank = 1});
  EXPECT_TRUE(std::isnan(two[2]));
  EXPECT_EQ(two[0], 0);
  EXPECT_THAT(select_float({0, -0.0f, tiny, 0}, {.rank = 1}), ElementsAre(0, 0, tiny, 0));
}

/// Sorting instead of counting.
template <class T>
std::vector<T> sorted_selection(const std::vector<T>& values, std::size_t rank) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](auto a, auto b) { return std::abs(values[a]) > std::abs(values[b]); });
  std::vector<T> kept(values.size());
  for (std::size_t i = 0; i < rank; ++i) kept[order[i]] = values[order[i]];
  return kept;
}

template <class T>
std::vector<T> many_ties(std::size_t count) {
  std::mt19937_64 random(3);
  std::vector<T> values(count);
  for (T& value : values) value = static_cast<T>(static_cast<int>(random() % 13) - 6) / T(8);
  return values;
}

TEST(MagnitudeSelect, EqualsSortingForEveryRankAndWidth) {
  const auto values = many_ties<float>(200'003);
  const std::vector<double> exact(values.begin(), values.end());
  for (const std::size_t rank :
       {std::size_t{1}, std::size_t{777}, std::size_t{65'536}, std::size_t{150'000}, std::size_t{200'002}}) {
    const auto expected = sorted_selection(values, rank);
    EXPECT_EQ(selected(values, {.rank = rank}, false), expected) << rank;
    EXPECT_EQ(selected(values, {.rank = rank}, true), expected) << rank;
    EXPECT_EQ(selected(exact, {.rank = rank}, true), sorted_selection(exact, rank)) << rank;
  }
}

TEST(MagnitudeSelect, LatePassesWantOnlyTheRangeThatHoldsTheCut) {
  const std::vector<float> values(4 * 65'536, 1.0f);
  const SelectTarget target{.rank = 70'000};
  MagnitudeSelect select(std::span(&target, 1), values.size(), false);
  std::vector<std::size_t> wanted;
  while (const auto shape = select.next_pass()) {
    std::vector<std::uint64_t> counts(shape->counts);
    wanted.push_back(0);
    for (std::size_t block = 0; block < 4; ++block) {
      if (!select.wants(block * 65'536, 65'536)) continue;
      ++wanted.back();
      for_each_sub_tile(65'536, [&](std::size_t first, std::size_t count) {
        select.count(0, block * 65'536 + first, values.data() + first, count, counts);
      });
    }
    select.conclude(counts);
  }
  EXPECT_THAT(wanted, ElementsAre(4, 4, 4, 1));
}

TEST(MagnitudeSelect, CountsThatDoNotAddUpAreOurError) {
  const SelectTarget target{.rank = 5};
  MagnitudeSelect select(std::span(&target, 1), 10, false);
  EXPECT_THROW(select.conclude(std::vector<std::uint64_t>(select.next_pass()->counts)), Error);
}

}  // namespace
}  // namespace stockpot::methods
