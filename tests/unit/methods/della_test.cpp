// DELLA as a method: worked examples, and what chance must look like.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "support/random_tensor.hpp"
#include "support/run_method.hpp"

namespace stockpot::test {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;
using Floats = std::vector<float>;

const Floats P{1, -2, 0.5f, 0, 3, -1};
const Floats A{1.5f, -3, 0.75f, 0, 5, -1.5f};
const Floats B{0.75f, -2.5f, 1.5f, 0.75f, 3, -0.5f};
const Floats C{2, -1.5f, 0, 0.25f, 2, -1};

Floats merged_with(const char* method, const char* mode) {
  const HandTensor<float> tensor{.name = "t", .shape = {2, 3}, .base = P, .models = {A, B, C}};
  const Parameters parameters{
      {"density", 0.5}, {"epsilon", 0.25}, {"weight", 1}, {"rescale_mode", mode}, {"normalize", false}};
  return merged(method, parameters, tensor, {.seed = 42});
}
auto near(const Floats& expected) { return Pointwise(FloatNear(1e-6f), expected); }

TEST(Della, WorkedExamplesOfTheWeightedSum) {
  EXPECT_THAT(merged_with("della_linear", "l1"), near({3.15f, -2.85f, 0.5f, 0, 5.1f, 0.5f}));
  EXPECT_THAT(merged_with("della_linear", "inv_prob"), near({3.333333f, -1, 0.5f, 0, 4.333333f, 0}));
}

TEST(Della, WorkedExamplesOfTheElection) {
  const HandTensor<float> tensor{.name = "t", .shape = {2, 3}, .base = P, .models = {A, B, C}};
  const auto della = [&](const char* mode) {
    return merged("della", {{"density", 0.5}, {"epsilon", 0.25}, {"weight", 1}, {"rescale_mode", mode}}, tensor,
                  {.seed = 42});
  };
  EXPECT_THAT(della("l1"), near({2.075f, -3.5f, 0.5f, 0, 6.4f, 0.5f}));
  EXPECT_THAT(della("inv_prob"), near({2.166667f, 0, 0.5f, 0, 5.666667f, 0}));
}

TEST(Della, WithoutAWindowIsDare) {
  const auto tensor = random_tensor<float>(70'000, 3, 1);
  const Parameters parameters{{"weight", {1, 0.5, 2}}, {"density", 0.4}, {"rescale_mode", "inv_density"}};
  Parameters della = parameters;
  della.push_back({"epsilon", 0});
  EXPECT_EQ(merged("della_linear", della, tensor, {.seed = 3}), merged("dare_linear", parameters, tensor, {.seed = 3}));
}

TEST(Della, CombinesWhatIsLeftAsItsFamilyDoes) {
  auto tensor = random_tensor<float>(3 * 14 * 100, 3, 2);
  tensor.shape = {300, 14};
  for (auto& model : tensor.models) std::ranges::transform(model, tensor.base, model.begin(), std::minus<>());
  tensor.base.assign(tensor.base.size(), 0.0f);
  auto trimmed = tensor;
  for (std::size_t m = 0; m < 3; ++m) {
    auto alone = tensor;
    for (auto& model : alone.models) model.assign(model.size(), 0.0f);
    alone.models[m] = tensor.models[m];
    trimmed.models[m] = merged("della_linear", {{"weight", 1}, {"density", 0.6}}, alone, {.seed = 3});
  }
  const Parameters weights{{"weight", {1, -0.5, 2}}, {"lambda", 0.7}};
  const Parameters della{{"weight", {1, -0.5, 2}}, {"lambda", 0.7}, {"density", 0.6}};
  EXPECT_EQ(merged("della_linear", della, tensor, {.seed = 3}), merged("task_arithmetic", weights, trimmed));
  EXPECT_EQ(merged("della", della, tensor, {.seed = 3}), merged("ties", weights, trimmed));
}

TEST(Della, RescalingRestoresTheNorm) {
  auto tensor = random_tensor<float>(30'000, 1, 2);
  tensor.shape = {300, 100};
  tensor.models[0][7] += 3;
  tensor.base.assign(tensor.base.size(), 0.0f);
  const auto norm = [](const Floats& values) {
    return std::accumulate(values.begin(), values.end(), 0.0, [](double sum, float v) { return sum + std::abs(v); });
  };
  const Floats out = merged("della_linear", {{"weight", 1}, {"density", 0.3}}, tensor);
  EXPECT_NEAR(norm(out) / norm(tensor.models[0]), 1.0, 1e-6);
}

/// Ascending magnitudes in every row, so that an element's place is its rank.
HandTensor<float> ranked(std::size_t rows, std::size_t row) {
  HandTensor<float> tensor{.name = "t", .shape = {rows, row}, .base = Floats(rows * row), .models = {{}}};
  for (std::size_t i = 0; i < rows * row; ++i) tensor.models[0].push_back(static_cast<float>(i % row + 1));
  return tensor;
}

TEST(Della, EveryDecileOfRanksIsKeptAtItsRate) {
  constexpr std::size_t rows = 1000, row = 1000, seeds = 64;
  const auto tensor = ranked(rows, row);
  std::vector<double> kept(10);
  for (std::size_t seed = 0; seed < seeds; ++seed) {
    const Parameters parameters{{"weight", 1}, {"density", 0.6}, {"epsilon", 0.3}, {"rescale", false}};
    const Floats out = merged("della_linear", parameters, tensor, {.seed = seed});
    for (std::size_t i = 0; i < out.size(); ++i) kept[i % row * 10 / row] += out[i] != 0;
  }
  constexpr double in_decile = rows * row / 10.0 * seeds;
  for (std::size_t decile = 0; decile < 10; ++decile) {
    const double expected = 0.3 + (static_cast<double>(decile) * 100 + 49.5) / 999 * 0.6;
    const double sigma = std::sqrt(expected * (1 - expected) / in_decile);
    EXPECT_NEAR(kept[decile] / in_decile, expected, 5 * sigma) << decile;
  }
  const double all = std::accumulate(kept.begin(), kept.end(), 0.0) / (10 * in_decile);
  EXPECT_NEAR(all, 0.6, 5 * std::sqrt(0.24 / (10 * in_decile)));
}

TEST(Della, DividingByTheProbabilityIsUnbiased) {
  constexpr std::size_t rows = 200, row = 500, seeds = 256;
  const auto tensor = ranked(rows, row);
  std::vector<double> sum(rows * row);
  for (std::size_t seed = 0; seed < seeds; ++seed) {
    const Parameters parameters{{"weight", 1}, {"density", 0.5}, {"epsilon", 0.3}, {"rescale_mode", "inv_prob"}};
    const Floats out = merged("della_linear", parameters, tensor, {.seed = seed});
    for (std::size_t i = 0; i < out.size(); ++i) sum[i] += out[i];
  }
  std::size_t outside = 0;
  double total = 0, variance = 0, expected_total = 0;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const double delta = tensor.models[0][i], p = 0.2 + static_cast<double>(i % row) / (row - 1) * 0.6;
    const double sigma = delta * std::sqrt((1 - p) / (p * seeds));
    outside += std::abs(sum[i] / seeds - delta) > 5 * sigma;
    total += sum[i] / seeds;
    expected_total += delta;
    variance += sigma * sigma;
  }
  EXPECT_LE(outside, 1u);
  EXPECT_NEAR(total, expected_total, 5 * std::sqrt(variance));
}

}  // namespace
}  // namespace stockpot::test
