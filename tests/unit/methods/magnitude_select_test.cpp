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

const RandomStream tie_words{42, stream_of(tie_domain, "A", "t")};

/// Runs all passes over `values` and returns what is kept of them; `passes` counts them.
template <class T>
std::vector<T> selected(const std::vector<T>& values, SelectTarget target, SelectOptions options,
                        int* passes = nullptr) {
  options.elements = values.size();
  MagnitudeSelect select(std::span(&target, 1), options);
  const auto run = [](std::size_t first, std::size_t count) { return SelectRun{first, count, first, tie_words}; };
  while (const auto shape = select.next_pass()) {
    std::vector<std::uint64_t> counts(shape->counts);
    for_each_sub_tile(values.size(), [&](std::size_t first, std::size_t count) {
      if (select.wants(first, count)) select.count(0, run(first, count), values.data() + first, counts);
    });
    select.conclude(counts);
    if (passes != nullptr) ++*passes;
  }
  std::vector<T> kept = values;
  for_each_sub_tile(values.size(), [&](std::size_t first, std::size_t count) {
    select.keep_selected(0, run(first, count), kept.data() + first);
  });
  return kept;
}

/// Keys are met one by one, however short the vector is.
constexpr SelectOptions counted{.most_listed = 0};

std::vector<float> select_float(const std::vector<float>& values, SelectTarget target) {
  return selected(values, target, counted);
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
  EXPECT_THAT(selected<float>({1, 2}, {.rank = 0}, {}, &passes), ElementsAre(0, 0));
  EXPECT_THAT(selected<float>({1, 2}, {.rank = 2}, {}, &passes), ElementsAre(1, 2));
  EXPECT_EQ(passes, 0);
}

TEST(MagnitudeSelect, DistinctMagnitudesThatAreCountedNeedTwoPasses) {
  int passes = 0;
  selected<float>({1, 2, 3, 4}, {.rank = 2}, counted, &passes);
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
    EXPECT_EQ(selected(values, {.rank = rank}, {}), expected) << rank;
    EXPECT_EQ(selected(values, {.rank = rank}, {.wide = true}), expected) << rank;
    EXPECT_EQ(selected(exact, {.rank = rank}, {.wide = true}), sorted_selection(exact, rank)) << rank;
  }
}

/// Vectors of 18 blocks and a bit, long enough to be sampled.
enum class Layout { alike, ascending, descending, one_large_block, constant, few_values, half_zeros };

std::vector<float> long_vector(Layout layout) {
  std::mt19937_64 random(11);
  std::vector<float> values(18 * block_elements + 77);
  const auto uniform = [&] { return static_cast<float>(random() >> 40) * 0x1p-24f - 0.5f; };
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float sign = random() % 2 == 0 ? 1.0f : -1.0f, at = static_cast<float>(i);
    switch (layout) {
      case Layout::alike:
        values[i] = uniform() * uniform();
        break;
      case Layout::ascending:
        values[i] = sign * at;
        break;
      case Layout::descending:
        values[i] = sign * (static_cast<float>(values.size()) - at);
        break;
      case Layout::one_large_block:
        values[i] = uniform() * (i / block_elements == 3 ? 1e20f : 1e-20f);
        break;
      case Layout::constant:
        values[i] = sign * 3.0f;
        break;
      case Layout::few_values:
        values[i] = sign * static_cast<float>(random() % 50);
        break;
      case Layout::half_zeros:
        values[i] = i % 2 == 0 ? 0.0f : uniform();
        break;
    }
  }
  return values;
}

TEST(MagnitudeSelect, ASampleChangesNothingEvenIfItMisleads) {
  for (const Layout layout : {Layout::alike, Layout::ascending, Layout::descending, Layout::one_large_block,
                              Layout::constant, Layout::few_values, Layout::half_zeros}) {
    const auto values = long_vector(layout);
    for (const std::size_t rank : {std::size_t{1}, values.size() / 100, values.size() / 2, values.size() - 1}) {
      const auto expected = sorted_selection(values, rank);
      EXPECT_EQ(selected(values, {.rank = rank}, {.sampled = true}), expected)
          << static_cast<int>(layout) << " " << rank;
    }
    const std::size_t rank = values.size() / 3;
    const std::vector<double> exact(values.begin(), values.end());
    EXPECT_EQ(selected(exact, {.rank = rank}, {.wide = true, .sampled = true}), sorted_selection(exact, rank));
    for (const SelectTarget target : {SelectTarget{.rank = rank, .order = SelectOrder::smallest_first},
                                      SelectTarget{.rank = rank, .all_equal = true}}) {
      EXPECT_EQ(selected(values, target, {.sampled = true}), selected(values, target, {})) << static_cast<int>(layout);
    }
    EXPECT_EQ(selected(values, {.rank = rank}, {.hashed_ties = true, .sampled = true}),
              selected(values, {.rank = rank}, {.hashed_ties = true}))
        << static_cast<int>(layout);
  }
}

TEST(MagnitudeSelect, OfAlikeRunsASampleSavesTheHistogramOfAll) {
  int passes = 0;
  std::vector<float> distinct(18 * block_elements);
  for (std::size_t i = 0; i < distinct.size(); ++i) {
    distinct[i] = static_cast<float>(i * 7919 % distinct.size() + 1);
  }
  selected<float>(distinct, {.rank = distinct.size() / 2}, {.sampled = true}, &passes);
  EXPECT_EQ(passes, 3);  // the sample, its range, the key
}

/// Positions in the order of a target: by magnitude, then by word if ties are hashed, then by position.
template <class T>
std::vector<std::size_t> in_order(const std::vector<T>& values, SelectOrder order, bool hashed) {
  std::vector<std::size_t> places(values.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  if (hashed) std::ranges::stable_sort(places, {}, [](std::size_t i) { return tie_words.word(i); });
  std::ranges::stable_sort(places, [&](auto a, auto b) {
    return order == SelectOrder::largest_first ? std::abs(values[a]) > std::abs(values[b])
                                               : std::abs(values[a]) < std::abs(values[b]);
  });
  return places;
}

TEST(MagnitudeSelect, EqualsSortingFromBothEndsWithTiesByIndexOrByWord) {
  const auto values = many_ties<float>(70'001);
  for (const SelectOrder order : {SelectOrder::largest_first, SelectOrder::smallest_first}) {
    for (const bool hashed : {false, true}) {
      const auto places = in_order(values, order, hashed);
      for (const std::size_t rank : {std::size_t{1}, std::size_t{5'000}, std::size_t{40'000}, std::size_t{70'000}}) {
        std::vector<float> expected(values.size());
        for (std::size_t i = 0; i < rank; ++i) expected[places[i]] = values[places[i]];
        EXPECT_EQ(selected(values, {.rank = rank, .order = order}, {.hashed_ties = hashed}), expected) << rank;
        EXPECT_EQ(selected(values, {.rank = rank, .order = order}, {.wide = true, .hashed_ties = hashed}), expected);
      }
    }
  }
}

/// The values that three targets on one vector find, counted together.
template <class T>
std::vector<double> thresholds(const std::vector<T>& values, std::vector<SelectTarget> targets, SelectOptions options,
                               std::vector<std::size_t>& counters) {
  options.elements = values.size();
  MagnitudeSelect select(targets, options);
  while (const auto shape = select.next_pass()) {
    counters.push_back(shape->counts);
    std::vector<std::uint64_t> counts(shape->counts);
    for_each_sub_tile(values.size(), [&](std::size_t first, std::size_t count) {
      select.count(0, {.first = first, .count = count}, values.data() + first, counts);
    });
    select.conclude(counts);
  }
  std::vector<double> found;
  for (std::size_t i = 0; i < targets.size(); ++i) found.push_back(select.threshold(i));
  return found;
}

TEST(MagnitudeSelect, FindsSeveralSignedValuesInTheSamePassesAndCountsTheFirstDigitOnce) {
  std::vector<float> values(10'000);
  std::mt19937_64 random(5);
  for (float& value : values) value = static_cast<float>(static_cast<double>(random()) / 1e18 - 9.0);
  std::vector<float> sorted = values;
  std::ranges::sort(sorted);
  std::vector<SelectTarget> targets;
  for (const std::uint64_t rank : {1u, 2'500u, 10'000u}) {
    targets.push_back({.rank = rank, .order = SelectOrder::smallest_first, .all_equal = true});
  }
  std::vector<std::size_t> counters;
  EXPECT_THAT(thresholds(values, targets, {.key = SelectKey::value, .most_listed = 0}, counters),
              ElementsAre(sorted[0], sorted[2'499], sorted[9'999]));
  EXPECT_THAT(counters, ElementsAre(65'536, 3 * 65'536));
  const std::vector<double> exact(values.begin(), values.end());
  EXPECT_THAT(thresholds(exact, targets, {.wide = true, .key = SelectKey::value, .most_listed = 0}, counters),
              ElementsAre(sorted[0], sorted[2'499], sorted[9'999]));
}

TEST(MagnitudeSelect, ARankCanBeSetAfterASample) {
  const auto values = many_ties<float>(2'000'003);
  const SelectTarget guess{.rank = 1'000'000};
  for (const std::uint64_t rank : {0u, 3u, 900'000u, 2'000'002u, 2'000'003u}) {
    MagnitudeSelect select(std::span(&guess, 1), {.elements = values.size(), .sampled = true});
    std::vector<bool> sampling;
    std::vector<float> kept = values;
    while (const auto shape = select.next_pass()) {
      sampling.push_back(select.is_sampling());
      std::vector<std::uint64_t> counts(shape->counts);
      for_each_sub_tile(values.size(), [&](std::size_t first, std::size_t count) {
        if (select.wants(first, count)) select.count(0, {.first = first, .count = count}, &values[first], counts);
      });
      if (sampling.size() == 2) select.set_rank(0, rank);
      select.conclude(counts);
    }
    for_each_sub_tile(values.size(), [&](std::size_t first, std::size_t count) {
      select.keep_selected(0, {.first = first, .count = count}, &kept[first]);
    });
    EXPECT_EQ(kept, sorted_selection(values, rank)) << rank;
    EXPECT_TRUE(sampling.at(0) && !sampling.at(1));
  }
}

TEST(MagnitudeSelect, ARankCanBeSetUntilTheFirstPassIsConcluded) {
  const std::vector<float> values{3, 1, 2, 5};
  const SelectTarget target{.rank = 1};
  for (const std::uint64_t most_listed : {0u, 4u}) {
    MagnitudeSelect select(std::span(&target, 1), {.elements = 4, .most_listed = most_listed});
    bool first = true;
    while (const auto shape = select.next_pass()) {
      std::vector<std::uint64_t> counts(shape->counts);
      select.count(0, {.count = 4}, values.data(), counts);
      if (std::exchange(first, false)) select.set_rank(0, 2);
      select.conclude(counts);
    }
    EXPECT_EQ(select.threshold(0), 3.0);
  }
}

TEST(MagnitudeSelect, CountsTheSameOfWhatIsInQuestionAlone) {
  const auto values = many_ties<float>(2'000'003);
  for (const std::uint64_t rank : {1u, 700'000u, 1'999'999u}) {
    const SelectTarget target{.rank = rank};
    MagnitudeSelect select(std::span(&target, 1), {.elements = values.size(), .sampled = true});
    std::size_t asked = 0;
    while (const auto shape = select.next_pass()) {
      const auto question = select.keys_in_question();
      if (question) ++asked;
      std::vector<std::uint64_t> counts(shape->counts), by_some(shape->counts);
      for_each_sub_tile(values.size(), [&](std::size_t first, std::size_t count) {
        const SelectRun run{.first = first, .count = count};
        select.count(0, run, values.data() + first, counts);
        if (!question) return;
        std::vector<std::uint32_t> keys, places;
        std::uint64_t above = 0;
        for (std::uint32_t i = 0; i < count; ++i) {
          const auto key = magnitude_key<std::uint32_t>(values[first + i]);
          const bool is_near = key + 9 >= question->low && key <= question->high + 9;
          if (!is_near && key > question->high) ++above;
          if (!is_near) continue;
          keys.push_back(key);
          places.push_back(i);
        }
        select.count_some(run, keys, places.data(), above, by_some);
      });
      EXPECT_TRUE(!question || by_some == counts) << rank;
      select.conclude(counts);
    }
    EXPECT_GE(asked, 2u);
  }
}

TEST(MagnitudeSelect, LatePassesWantOnlyTheRangeThatHoldsTheCut) {
  const std::vector<float> values(4 * 65'536, 1.0f);
  const SelectTarget target{.rank = 70'000};
  MagnitudeSelect select(std::span(&target, 1), {.elements = values.size()});
  std::vector<std::size_t> wanted;
  while (const auto shape = select.next_pass()) {
    std::vector<std::uint64_t> counts(shape->counts);
    wanted.push_back(0);
    for (std::size_t block = 0; block < 4; ++block) {
      if (!select.wants(block * 65'536, 65'536)) continue;
      ++wanted.back();
      for_each_sub_tile(65'536, [&](std::size_t first, std::size_t count) {
        select.count(0, {.first = block * 65'536 + first, .count = count}, values.data() + first, counts);
      });
    }
    select.conclude(counts);
  }
  EXPECT_THAT(wanted, ElementsAre(4, 4, 4, 1));
}

TEST(MagnitudeSelect, CountsThatDoNotAddUpAreOurError) {
  const SelectTarget target{.rank = 5};
  MagnitudeSelect select(std::span(&target, 1), {.elements = 10, .most_listed = 0});
  EXPECT_THROW(select.conclude(std::vector<std::uint64_t>(select.next_pass()->counts)), Error);
}

}  // namespace
}  // namespace stockpot::methods
