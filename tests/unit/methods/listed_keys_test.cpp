// Selections from vectors so short that their keys are listed, against sorting, and against counting.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <random>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/error.hpp"
#include "methods/kernels/magnitude_select.hpp"
#include "support/run_method.hpp"

namespace stockpot::methods {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Le;
using Floats = std::vector<float>;

constexpr std::size_t sizes[] = {1, 2, 255, 256, 4095, 65'536, 65'537};
const RandomStream tie_words{42, stream_of(tie_domain, "A", "t")};

SelectRun run_of(std::size_t first, std::size_t count) { return {first, count, first, tie_words}; }

/// All passes, in which two ranks count every other run each, from the end.
template <class T>
MagnitudeSelect searched(const std::vector<T>& values, std::vector<SelectTarget> targets, SelectOptions options,
                         std::vector<std::size_t>* counters = nullptr) {
  options.elements = values.size();
  MagnitudeSelect select(targets, options);
  while (const auto shape = select.next_pass()) {
    if (counters != nullptr) counters->push_back(shape->counts);
    std::vector<std::uint64_t> ranks[] = {std::vector<std::uint64_t>(shape->counts),
                                          std::vector<std::uint64_t>(shape->counts)};
    const std::size_t runs = (values.size() + sub_tile_elements - 1) / sub_tile_elements;
    for (std::size_t run = runs; run-- > 0;) {
      const std::size_t first = run * sub_tile_elements;
      const std::size_t count = std::min(sub_tile_elements, values.size() - first);
      select.count(0, run_of(first, count), values.data() + first, ranks[run % 2]);
    }
    std::ranges::transform(ranks[0], ranks[1], ranks[0].begin(), std::plus());
    select.conclude(ranks[0]);
  }
  return select;
}

template <class T>
std::vector<T> kept(const MagnitudeSelect& select, std::size_t target, std::vector<T> values) {
  for_each_sub_tile(values.size(), [&](std::size_t first, std::size_t count) {
    select.keep_selected(target, run_of(first, count), values.data() + first);
  });
  return values;
}

/// All places, sorted by magnitude, then by word if ties are hashed, then by place.
template <class T>
std::vector<std::size_t> sorted_places(const std::vector<T>& values, SelectOrder order, bool hashed) {
  std::vector<std::tuple<T, std::uint32_t, std::size_t>> all;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const T size = std::abs(values[i]);
    all.emplace_back(order == SelectOrder::largest_first ? -size : size, hashed ? tie_words.word(i) : 0, i);
  }
  std::ranges::sort(all);
  std::vector<std::size_t> places;
  for (const auto& [size, word, place] : all) places.push_back(place);
  return places;
}

template <class T>
std::vector<T> first_of(const std::vector<std::size_t>& places, const std::vector<T>& values,
                        const SelectTarget& target) {
  const T last = std::abs(values[places[target.rank - 1]]);
  std::vector<T> selection(values.size());
  for (std::size_t k = 0; k < places.size(); ++k) {
    const T value = values[places[k]];
    if (k < target.rank || (target.all_equal && std::abs(value) == last)) selection[places[k]] = value;
  }
  return selection;
}

enum class Content { many_equal, all_zero, all_equal, distinct, wide_range };

template <class T>
std::vector<T> vector_of(Content content, std::size_t count) {
  std::mt19937_64 random(count);
  std::vector<T> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const T sign = random() % 2 == 0 ? T{1} : T{-1};
    switch (content) {
      case Content::many_equal:
        values[i] = sign * static_cast<T>(random() % 7) / T{8};
        break;
      case Content::all_zero:
        values[i] = sign * T{0};
        break;
      case Content::all_equal:
        values[i] = sign * T{3};
        break;
      case Content::distinct:
        values[i] = sign * static_cast<T>(i * 7919 % count + 1);
        break;
      case Content::wide_range:
        values[i] = sign * std::ldexp(static_cast<T>(random() % 4096), static_cast<int>(random() % 260) - 160);
        break;
    }
  }
  return values;
}

template <class T>
void expect_like_sorting(Content content, std::size_t count, const SelectOptions& options) {
  const auto values = vector_of<T>(content, count);
  for (const SelectOrder order : {SelectOrder::largest_first, SelectOrder::smallest_first}) {
    const auto places = sorted_places(values, order, options.hashed_ties);
    for (const std::size_t rank : {std::size_t{1}, count / 3, count / 2 + 1, count - 1, count}) {
      for (const bool all_equal : {false, true}) {
        if (rank == 0) continue;
        const SelectTarget target{.rank = rank, .order = order, .all_equal = all_equal};
        EXPECT_EQ(kept(searched(values, {target}, options), 0, values), first_of(places, values, target))
            << "content " << static_cast<int>(content) << ", " << rank << " of " << count;
      }
    }
  }
}

TEST(ListedKeys, SelectWhatSortingDoes) {
  for (const std::size_t count : sizes) {
    for (const Content content :
         {Content::many_equal, Content::all_zero, Content::all_equal, Content::distinct, Content::wide_range}) {
      for (const bool hashed : {false, true}) {
        expect_like_sorting<float>(content, count, {.hashed_ties = hashed});
        expect_like_sorting<double>(content, count, {.wide = true, .hashed_ties = hashed});
      }
    }
  }
}

TEST(ListedKeys, SelectWhatCountingDoes) {
  for (const std::size_t count : sizes) {
    const auto values = vector_of<float>(Content::many_equal, count);
    for (const bool hashed : {false, true}) {
      for (const std::uint64_t rank : {std::uint64_t{1}, std::uint64_t{(count + 1) / 2}}) {
        const SelectTarget target{.rank = rank};
        EXPECT_EQ(kept(searched(values, {target}, {.hashed_ties = hashed}), 0, values),
                  kept(searched(values, {target}, {.hashed_ties = hashed, .most_listed = 0}), 0, values));
      }
    }
  }
}

TEST(ListedKeys, PutNaNAboveInfinityAndSubnormalsAboveZero) {
  const float tiny = 1e-45f;
  const Floats values{0, tiny, INFINITY, -NAN, -0.0f, 2};
  const auto select = searched(values, {{.rank = 1}, {.rank = 2}, {.rank = 4}}, {});
  EXPECT_TRUE(std::isnan(kept(select, 0, values)[3]));
  EXPECT_EQ(kept(select, 0, values)[2], 0);
  EXPECT_EQ(kept(select, 1, values)[2], INFINITY);
  EXPECT_EQ(kept(select, 2, values)[1], tiny);
}

TEST(ListedKeys, GiveAllTargetsOfAVectorInOnePassThatListsItOnce) {
  const auto values = vector_of<float>(Content::wide_range, 4095);
  Floats sorted = values;
  std::ranges::sort(sorted);
  std::vector<SelectTarget> quartiles;
  for (const std::uint64_t rank : {1024u, 2048u, 3072u}) {
    quartiles.push_back({.rank = rank, .order = SelectOrder::smallest_first, .all_equal = true});
  }
  std::vector<std::size_t> counters;
  const auto select = searched(values, quartiles, {.key = SelectKey::value}, &counters);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(select.threshold(i), sorted[quartiles[i].rank - 1]);
  EXPECT_THAT(counters, ElementsAre(4096));
}

TEST(ListedKeys, TakeNoMoreCountersThanCountingNeeds) {
  std::vector<std::size_t> counters;
  for (const bool hashed : {false, true}) {
    for (const std::size_t count : {32'768u, 32'769u, 65'536u, 65'537u}) {
      searched(vector_of<float>(Content::distinct, count), {{.rank = 9}}, {.hashed_ties = hashed}, &counters);
    }
  }
  EXPECT_THAT(counters, Each(Le(65'537u)));
}

TEST(ListedKeys, ThatAreNotThoseOfAllElementsAreOurError) {
  const SelectTarget target{.rank = 3};
  const Floats values{4, 3, 2, 1};
  for (const std::size_t listed : {0u, 3u}) {
    MagnitudeSelect select(std::span(&target, 1), {.elements = 4});
    std::vector<std::uint64_t> counts(select.next_pass()->counts);
    select.count(0, run_of(0, listed), values.data(), counts);
    EXPECT_THROW(select.conclude(counts), Error) << listed;
  }
}

/// What a method asks for and takes with a group of one tensor of three models.
template <class T>
void expect_needs_kept(std::string_view name, const test::Parameters& parameters, std::size_t elements) {
  const MethodSpec& method = *find_method(name);
  const std::size_t models = std::min<std::size_t>(3, method.max_models);
  test::HandTensor<T> tensor{.name = "t", .shape = {elements}, .base = std::vector<T>(elements), .models = {}};
  for (std::size_t m = 0; m < models; ++m) tensor.models.push_back(vector_of<T>(Content::many_equal, elements));
  const auto run = test::run_method(name, parameters, std::vector{tensor});
  const Needs needs =
      method.needs(test::settings_of(method, models, parameters),
                   {.elements = elements, .models = models, .float64 = sizeof(T) == 8, .shape = tensor.shape});
  for (const auto& pass : run.passes) EXPECT_LE(pass.shape.counts, needs.tally.counts) << name << " " << elements;
  if (elements > 4095) return;
  EXPECT_LE(needs.tally.counts, models * (2 * elements + 2)) << name;
  EXPECT_LE(run.passes.size(), static_cast<std::size_t>(needs.passes)) << name;
}

TEST(ListedKeys, LetMethodsAskForCountersOfAShortGroupsElementsAlone) {
  const test::Parameters weight{{"weight", 1}};
  for (const std::size_t elements : sizes) {
    for (const char* ties : {"index", "hash"}) {
      const test::Parameters trim{{"weight", 1}, {"density", 0.4}, {"tie_break", ties}};
      for (const char* name : {"ties", "breadcrumbs", "breadcrumbs_ties"}) {
        expect_needs_kept<float>(name, trim, elements);
        expect_needs_kept<double>(name, trim, elements);
      }
      expect_needs_kept<float>("sce", {{"select_topk", 0.4}, {"tie_break", ties}}, elements);
      expect_needs_kept<float>("consensus", {{"weight", 1}, {"inner", "ties"}, {"tie_break", ties}}, elements);
    }
    expect_needs_kept<float>("arcee_fusion", {}, elements);
    expect_needs_kept<double>("arcee_fusion", {}, elements);
    expect_needs_kept<float>("pcb", weight, elements);
    expect_needs_kept<double>("pcb", weight, elements);
  }
}

}  // namespace
}  // namespace stockpot::methods
