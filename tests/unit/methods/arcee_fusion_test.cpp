#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "support/instruction_sets.hpp"
#include "support/random_tensor.hpp"
#include "support/run_method.hpp"

namespace stockpot::test {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using Floats = std::vector<float>;
using Sizes = std::vector<std::size_t>;
constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float inf = std::numeric_limits<float>::infinity();

template <class T>
std::vector<T> fused(const HandTensor<T>& tensor, RunOptions options = {}) {
  return merged("arcee_fusion", {}, tensor, options);
}

HandTensor<float> matrix(Shape shape, Floats base, Floats model) {
  return {.name = "t", .shape = std::move(shape), .base = std::move(base), .models = {std::move(model)}};
}

const Floats P{1, -2, 0.5f, 0, 3, -1};

TEST(ArceeFusion, WorkedExamples) {
  EXPECT_THAT(fused(matrix({2, 3}, P, {1.5f, -3, 0.75f, 0, 5, -1.5f})), ElementsAre(1, -2, 0.5f, 0, 5, -1));
  EXPECT_THAT(fused(matrix({2, 3}, P, {0.75f, -2.5f, 1.5f, 0.75f, 3, -0.5f})), ElementsAre(1, -2.5f, 1.5f, 0, 3, -1));
}

// The method a second time: straight loops and sorting.

template <class T>
std::vector<double> softmax(const T* row, std::size_t elements) {
  const double greatest = *std::max_element(row, row + elements);
  std::vector<double> p(elements);
  double sum = 0;
  for (std::size_t i = 0; i < elements; ++i) sum += p[i] = std::exp(static_cast<double>(row[i]) - greatest);
  for (double& probability : p) probability = probability / sum + 1e-8;
  return p;
}

template <class T>
std::vector<T> importance(const std::vector<T>& x, const std::vector<T>& a, std::size_t row) {
  std::vector<T> all(x.size());
  for (std::size_t first = 0; first < x.size(); first += row) {
    const auto p = softmax(x.data() + first, row), q = softmax(a.data() + first, row);
    double divergence = 0;
    for (std::size_t i = 0; i < row; ++i) divergence += p[i] * std::log(p[i] / q[i]);
    for (std::size_t i = first; i < first + row; ++i) {
      all[i] = static_cast<T>(static_cast<double>(std::abs(x[i] - a[i])) * divergence);
    }
  }
  return all;
}

/// Compares element by element; whatever is so close to the bound that rounding decides may be either way.
template <class T>
void expect_like_sorting(const HandTensor<T>& tensor, std::size_t row) {
  const auto &x = tensor.models[0], &a = tensor.base;
  const auto all = importance(x, a, row);
  auto sorted = all;
  std::ranges::sort(sorted);
  const std::size_t last = sorted.size() - 1;
  const T bound = sorted[last / 2] + T{1.5} * (sorted[3 * last / 4] - sorted[last / 4]);
  const auto out = fused(tensor);
  std::size_t unclear = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (bound != 0 && std::abs(all[i] - bound) <= T(1e-6) * bound) {
      ++unclear;
    } else {
      ASSERT_EQ(out[i], a[i] + (all[i] >= bound ? x[i] - a[i] : T{0})) << i;
    }
  }
  EXPECT_LE(unclear, 4 + x.size() / 1000);
}

TEST(ArceeFusion, EqualsSortingForRowsOfAnyLength) {
  std::uint64_t seed = 0;
  for (const std::size_t row : Sizes{1, 2, 3, 7, 8, 300, 2048, 2049, 65'535, 65'536, 65'537, 200'003}) {
    for (const std::size_t rows : Sizes{1, 2, 1 + 20'000 / row}) {
      auto tensor = random_tensor<float>(rows * row, 1, ++seed);
      tensor.shape = {rows, row};
      SCOPED_TRACE(std::to_string(rows) + " x " + std::to_string(row));
      expect_like_sorting(tensor, row);
    }
  }
}

TEST(ArceeFusion, EqualsSortingForDouble) {
  for (const std::size_t row : Sizes{1, 5, 777, 70'000}) {
    auto tensor = random_tensor<double>(3 * row, 1, row);
    tensor.shape = {3, row};
    SCOPED_TRACE(row);
    expect_like_sorting(tensor, row);
  }
}

TEST(ArceeFusion, EqualsSortingWherePowersDoNotFitADouble) {
  for (const float far : {-2000.0f, -700.0f, -570.0f, 570.0f, 700.0f, 2000.0f}) {
    auto tensor = random_tensor<float>(300, 1, 8);
    tensor.shape = {3, 100};
    for (std::size_t i = 0; i < 100; ++i) {  // the first row, and one element of the second
      tensor.base[i] += far;
      tensor.models[0][i] += far;
    }
    tensor.models[0][150] += far;
    SCOPED_TRACE(far);
    expect_like_sorting(tensor, 100);
  }
}

TEST(ArceeFusion, AVectorIsOneRowAndLeadingIndicesAreRows) {
  expect_like_sorting(random_tensor<float>(70'001, 1, 3), 70'001);
  auto tensor = random_tensor<float>(2 * 30 * 50, 1, 4);
  tensor.shape = {2, 30, 50};
  expect_like_sorting(tensor, 50);
}

/// Weights and changes as trained ones are: small, so that divergences are tiny.
HandTensor<float> trained(std::size_t rows, std::size_t row) {
  std::mt19937_64 random(5);
  std::normal_distribution<float> weight(0, 0.02f), change(0, 1e-3f);
  HandTensor<float> tensor{.name = "t", .shape = {rows, row}, .base = Floats(rows * row), .models = {}};
  for (float& value : tensor.base) value = weight(random);
  tensor.models.push_back(tensor.base);
  for (float& value : tensor.models[0]) value += change(random);
  return tensor;
}

TEST(ArceeFusion, DivergencesOfSmallChangesAreNotNoise) { expect_like_sorting(trained(300, 1024), 1024); }

TEST(ArceeFusion, RowsThatDidNotChangeHaveNoDivergence) {
  for (const std::size_t every : Sizes{1, 2, 7}) {
    auto tensor = trained(300, 1024);
    for (std::size_t i = 0; i < tensor.base.size(); ++i) {
      if (i / 1024 % every == 0) tensor.models[0][i] = tensor.base[i] == 0 ? -0.0f : tensor.base[i];
    }
    expect_like_sorting(tensor, 1024);
  }
}

TEST(ArceeFusion, AnInfinityThatDidNotChangeStillSpoilsItsRow) {
  const Floats base{inf, 1, 1, 1, 0, 0, 0, 0};
  Floats model = base;
  model[4] = model[5] = model[6] = 1;
  model[7] = 100;  // would stand out beside a row of zeros; the third quartile is NaN
  const Floats out = fused(matrix({2, 4}, base, model));
  EXPECT_THAT(Floats(out.begin() + 4, out.end()), ElementsAre(0, 0, 0, 0));
}

TEST(ArceeFusion, NeitherTileOrderNorWidthOfKeysNorInstructionSetChangesABit) {
  const auto tensor = trained(1000, 321);
  const Floats expected = fused(tensor);
  EXPECT_EQ(fused(tensor, {.blocks_per_tile = 3, .shuffle = 1}), expected);
  EXPECT_EQ(fused(tensor, {.shuffle = 2, .wide = true}), expected);
  for (const InstructionSet set : available_instruction_sets()) {
    const WithInstructionSet use(set);
    EXPECT_EQ(fused(tensor), expected) << name(set);
  }
}

TEST(ArceeFusion, TakesTwoPassesOverFloatsAndFourOverDoublesAndOneOverFew) {
  EXPECT_THAT(run_method("arcee_fusion", {}, std::vector{random_tensor<float>(70'000, 1, 1)}).passes, SizeIs(2));
  EXPECT_THAT(run_method("arcee_fusion", {}, std::vector{random_tensor<double>(70'000, 1, 1)}).passes, SizeIs(4));
  EXPECT_THAT(run_method("arcee_fusion", {}, std::vector{random_tensor<double>(100, 1, 1)}).passes, SizeIs(1));
}

TEST(ArceeFusion, AModelEqualToTheBaseGivesTheBase) {
  auto tensor = random_tensor<float>(70'000, 1, 6);
  tensor.models[0] = tensor.base;
  EXPECT_EQ(fused(tensor), tensor.base);
}

TEST(ArceeFusion, TakesEverythingWhereMostRowsAreUnchanged) {
  const Floats model{1, 2, 3, 4, 5, 6, 7, 9};
  EXPECT_EQ(fused(matrix({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8}, model)), model);
}

TEST(ArceeFusion, NaNCountsAsTheLargestChangeAndSpoilsItsRowOnly) {
  const auto out = fused(matrix({5, 2}, Floats(10), {1, nan, 0, 0, 0, 0, 0, 0, 0, 0.5f}));
  EXPECT_EQ(out[0], 1);
  EXPECT_TRUE(std::isnan(out[1]));
  EXPECT_THAT(Floats(out.begin() + 2, out.end()), ElementsAre(0, 0, 0, 0, 0, 0, 0, 0.5f));
}

TEST(ArceeFusion, WithoutABoundOnlyWhatIsNaNItselfIsTakenOver) {
  const auto out = fused(matrix({2, 2}, Floats(4), {1, nan, 0, 0.5f}));
  EXPECT_EQ(out[0], 1);
  EXPECT_TRUE(std::isnan(out[1]));
  EXPECT_THAT(Floats(out.begin() + 2, out.end()), ElementsAre(0, 0));
}

TEST(ArceeFusion, InfinitiesArePropagated) {
  EXPECT_EQ(fused(matrix({1, 4}, {0, 0, 0, 0}, {-inf, 0.5f, 0, 1}))[0], -inf);
  EXPECT_EQ(fused(matrix({1, 4}, {0, 0, 0, 0}, {inf, 0.5f, 0, 1}))[0], inf);
}

TEST(ArceeFusion, ValuesFarApartDoNotOverflow) {
  EXPECT_THAT(fused(matrix({1, 4}, {0, 0, 0, 0}, {-3e38f, 0, 0, 0})), ElementsAre(-3e38f, 0, 0, 0));
}

}  // namespace
}  // namespace stockpot::test
