#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "methods/kernels/gather_bins.hpp"
#include "methods/kernels/magnitude_differences.hpp"
#include "support/instruction_sets.hpp"

namespace stockpot::methods {
namespace {

using test::available_instruction_sets;
using test::WithInstructionSet;

/// Few bits, so that many differences are equal; some are zero, infinite or NaN.
template <class E>
std::vector<E> awkward_elements(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  std::vector<E> elements;
  for (std::size_t i = 0; i < count; ++i) {
    float value = std::ldexp(std::round(std::ldexp(normal(random), 12)), -12);
    if (random() % 501 == 0) value = std::numeric_limits<float>::infinity();
    if (random() % 503 == 0) value = std::numeric_limits<float>::quiet_NaN();
    elements.push_back(static_cast<E>(value));
  }
  return elements;
}

std::uint32_t key_of(float x, float base) { return std::bit_cast<std::uint32_t>(x - base) & 0x7FFFFFFFu; }

template <class E>
void expect_bins_of(std::size_t count, const KeyBins& range) {
  const auto x = awkward_elements<E>(count, 1), base = awkward_elements<E>(count, 2);
  std::vector<std::uint16_t> expected;
  std::uint64_t above = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t key = key_of(x[i], base[i]);
    if (key > range.high) ++above;
    if (key >= range.low && key <= range.high) {
      expected.push_back(static_cast<std::uint16_t>((key - range.low) >> range.shift));
    }
  }
  std::ranges::sort(expected);
  std::vector<std::uint16_t> bins(count + bin_slack);
  const BinsFound found = gather_bins(x.data(), base.data(), count, range, bins.data());
  bins.resize(found.inside);
  std::ranges::sort(bins);
  EXPECT_EQ(bins, expected) << count << " elements";
  EXPECT_EQ(found.above, above) << count << " elements";
}

TEST(GatherBins, FindsTheKeysOfARangeAndCountsThoseAboveIt) {
  const auto key = [](float magnitude) { return std::bit_cast<std::uint32_t>(magnitude); };
  const KeyBins ranges[] = {
      {.low = key(0.01f), .high = key(0.02f), .shift = 10},
      {.low = 0, .high = key(0.0f)},
      {.low = key(0.02f), .high = 0x7FFFFFFFu, .shift = 15},
      {.low = key(std::ldexp(3.0f, -9)), .high = key(std::ldexp(3.0f, -9))},
  };
  for (const auto set : available_instruction_sets()) {
    const WithInstructionSet chosen(set);
    for (const std::size_t count : std::vector<std::size_t>{0, 1, 15, 16, 31, 32, 33, 100, 2048}) {
      for (const KeyBins& range : ranges) {
        expect_bins_of<Bfloat16>(count, range);
        expect_bins_of<float>(count, range);
      }
    }
  }
}

template <class Key>
void expect_keys_and_places_of(std::size_t count, Key low, Key high) {
  std::mt19937_64 random(count);
  std::vector<Key> keys(count), expected, expected_places;
  for (std::size_t i = 0; i < count; ++i) {
    keys[i] = static_cast<Key>(random());
    if (keys[i] < low || keys[i] > high) continue;
    expected.push_back(keys[i]);
    expected_places.push_back(static_cast<Key>(i));
  }
  std::vector<Key> found(count + gather_slack), places(count + gather_slack), alone(count + gather_slack);
  found.resize(gather_places(keys.data(), count, low, high, found.data(), places.data()));
  places.resize(found.size());
  alone.resize(gather_keys(keys.data(), count, low, high, alone.data()));
  EXPECT_EQ(found, expected) << count << " keys";
  EXPECT_EQ(places, expected_places) << count << " keys";
  EXPECT_EQ(alone, expected) << count << " keys";
}

TEST(GatherKeys, FindsThoseOfARangeAndTheirPlacesInOrder) {
  for (const auto set : available_instruction_sets()) {
    const WithInstructionSet chosen(set);
    for (const std::size_t count : std::vector<std::size_t>{0, 1, 7, 8, 9, 16, 17, 100, 2048}) {
      expect_keys_and_places_of<std::uint32_t>(count, 0x70000000u, 0x90000000u);
      expect_keys_and_places_of<std::uint32_t>(count, 0, std::numeric_limits<std::uint32_t>::max());
      expect_keys_and_places_of<std::uint32_t>(count, 0xF0000000u, std::numeric_limits<std::uint32_t>::max());
      expect_keys_and_places_of<std::uint64_t>(count, 0x7000000000000000u, 0x9000000000000000u);
    }
  }
}

/// The counts of all passes, one after the other. @param count  counts a run
template <class Count>
std::vector<std::uint64_t> all_counts(std::span<const SelectTarget> targets, const SelectOptions& options,
                                      const Count& count) {
  MagnitudeSelect select(targets, options);
  std::vector<std::uint64_t> all;
  while (const auto shape = select.next_pass()) {
    std::vector<std::uint64_t> counts(shape->counts);
    for_each_sub_tile(options.elements, [&](std::size_t first, std::size_t length) {
      if (!select.wants(first, length)) return;
      const SelectRun run{first, length, first, RandomStream{42, stream_of(tie_domain, "A", "t")}};
      for (std::size_t vector = 0; vector < 2; ++vector) count(select, vector, run, std::span(counts));
    });
    select.conclude(counts);
    all.insert(all.end(), counts.begin(), counts.end());
  }
  return all;
}

template <class E>
void expect_counts_of_values(const SelectOptions& options, bool all_equal) {
  const std::size_t n = options.elements;
  const auto base = awkward_elements<E>(n, 3);
  const std::vector<E> models[] = {awkward_elements<E>(n, 4), awkward_elements<E>(n, 5)};
  const SelectTarget targets[] = {
      {.vector = 0, .rank = n * 2 / 5, .all_equal = all_equal},
      {.vector = 1, .rank = n / 3, .order = SelectOrder::smallest_first},
      {.vector = 1, .rank = n - n / 50, .order = SelectOrder::smallest_first},
  };
  const auto by_values = [&](const MagnitudeSelect& select, std::size_t v, const SelectRun& run, auto counts) {
    std::vector<float> values;
    for (std::size_t i = 0; i < run.count; ++i) values.push_back(models[v][run.first + i] - base[run.first + i]);
    select.count(v, run, static_cast<const float*>(values.data()), counts);
  };
  const auto by_differences = [&](const MagnitudeSelect& select, std::size_t v, const SelectRun& run, auto counts) {
    select.count_differences(v, run, models[v].data() + run.first, base.data() + run.first, counts);
  };
  EXPECT_EQ(all_counts(targets, options, by_differences), all_counts(targets, options, by_values))
      << n << " elements, hashed " << options.hashed_ties << ", sampled " << options.sampled;
}

TEST(GatherBins, LetASelectionCountDifferencesAsItCountsTheirValues) {
  for (const auto set : available_instruction_sets()) {
    const WithInstructionSet chosen(set);
    for (const std::size_t elements : std::vector<std::size_t>{7, 500, 30'001, 40 * 65'536 + 777}) {
      for (const bool hashed : {false, true}) {
        const SelectOptions options{.elements = elements, .hashed_ties = hashed, .sampled = true};
        expect_counts_of_values<Bfloat16>(options, false);
        expect_counts_of_values<float>(options, true);
      }
    }
  }
}

}  // namespace
}  // namespace stockpot::methods
