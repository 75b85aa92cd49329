// Exact ranks of some elements of a row, few or many, against sorting.
#include "methods/kernels/row_ranks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "support/instruction_sets.hpp"

namespace stockpot::methods {
namespace {

/// Ranks by magnitude and index, NaN last.
template <class T>
std::vector<std::uint32_t> sorted_ranks(const std::vector<T>& row) {
  std::vector<std::uint32_t> order(row.size()), ranks(row.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, [&](std::uint32_t a, std::uint32_t b) {
    return std::isnan(row[b]) ? !std::isnan(row[a]) : std::abs(row[a]) < std::abs(row[b]);
  });
  for (std::uint32_t rank = 0; rank < order.size(); ++rank) ranks[order[rank]] = rank;
  return ranks;
}

/// Magnitudes of few bits, so that many are equal, or of all; some tiny, huge, zero or infinite.
template <class T>
std::vector<T> row_of(std::size_t count, int bits, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<T> row(count);
  for (T& value : row) {
    const auto mantissa = static_cast<T>((std::uint64_t{1} << bits) + random() % (std::uint64_t{1} << bits));
    value = std::ldexp(mantissa, -bits - static_cast<int>(random() % 4)) * (random() % 2 == 0 ? T(1) : T(-1));
    if (random() % 50 == 0) value = std::ldexp(value, random() % 2 == 0 ? -60 : 60);
    if (random() % 5 == 0) value = 0;
    if (random() % 1000 == 0) value = std::numeric_limits<T>::infinity();
    if (random() % 1000 == 0) value = std::numeric_limits<T>::quiet_NaN();
  }
  return row;
}

template <class T>
void compare_ranks(std::size_t count, int bits) {
  const std::vector<T> row = row_of<T>(count, bits, count + static_cast<std::size_t>(bits));
  const auto expected = sorted_ranks(row);
  RowRanks<T> ranks(count);
  for (const std::size_t step : {std::size_t{1}, count / 90 + 1}) {  // all, and so few that they are counted
    std::vector<std::uint32_t> some;
    for (std::uint32_t i = 0; i < count; i += static_cast<std::uint32_t>(step)) some.push_back(i);
    ranks.take(row.data(), nullptr);
    const auto got = ranks.ranks_of(some);
    for (std::size_t k = 0; k < some.size(); ++k) {
      if (row[some[k]] == 0) continue;
      ASSERT_EQ(got[k], expected[some[k]]) << "element " << some[k] << " of " << count << ", " << bits << " bits";
      ASSERT_LE(ranks.starts()[ranks.bin_of()[some[k]]], got[k]);
      ASSERT_GT(ranks.starts()[ranks.bin_of()[some[k]] + 1], got[k]);
    }
  }
}

TEST(RowRanks, AreThoseOfSorting) {
  for (const auto set : test::available_instruction_sets()) {
    const test::WithInstructionSet chosen(set);
    for (const std::size_t count : {1u, 63u, 64u, 65u, 3000u, 70'001u}) {
      for (const int bits : {2, 7, 12, 13, 20}) {
        compare_ranks<float>(count, bits);
        compare_ranks<double>(count, bits);
      }
    }
  }
}

TEST(RowRanks, OfDifferencesAreThoseOfTheirValues) {
  std::mt19937_64 random(5);
  std::vector<float> x(3000), base(3000), differences(3000);
  for (std::size_t i = 0; i < x.size(); ++i) {
    base[i] = static_cast<float>(random() % 1000) / 256;
    x[i] = base[i] + static_cast<float>(random() % 64) / 512;
    differences[i] = x[i] - base[i];
  }
  const auto expected = sorted_ranks(differences);
  RowRanks<float> ranks(x.size());
  ranks.take(x.data(), base.data(), nullptr);
  const std::vector<std::uint32_t> some{2, 77, 1023, 1024, 2999};
  const auto got = ranks.ranks_of(some);
  for (std::size_t k = 0; k < some.size(); ++k) {
    if (differences[some[k]] == 0) continue;
    EXPECT_EQ(got[k], expected[some[k]]) << some[k];
  }
}

}  // namespace
}  // namespace stockpot::methods
