#include "app/synthetic_weights.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace stockpot::app {
namespace {

const TensorInfo matrix{"model.layers.0.mlp.up_proj.weight", DType::f32, {512, 512}};

/// The values of base (tune 0) or of a tuned model.
std::vector<float> values_of(std::uint64_t tune, const TensorInfo& tensor, ElementRange range, std::uint64_t seed = 0) {
  const SyntheticTensor weights(seed, tensor);
  std::vector<std::uint32_t> words(range.count);
  std::vector<float> base(range.count), tuned(range.count);
  weights.draw(range, words);
  weights.base(words, base);
  if (tune == 0) return base;
  weights.tuned(tune, words, base, tuned);
  return tuned;
}

std::vector<float> base(const TensorInfo& tensor, ElementRange range, std::uint64_t seed = 0) {
  return values_of(0, tensor, range, seed);
}

double mean(const std::vector<float>& values) {
  double sum = 0;
  for (const float v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

double deviation(const std::vector<float>& values) {
  const double centre = mean(values);
  double sum = 0;
  for (const float v : values) sum += (v - centre) * (v - centre);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

std::vector<float> change(std::uint64_t tune) {
  const ElementRange all{0, matrix.elements()};
  const auto from = values_of(0, matrix, all);
  auto to = values_of(tune, matrix, all);
  for (std::size_t i = 0; i < to.size(); ++i) to[i] -= from[i];
  return to;
}

double correlation(const std::vector<float>& a, const std::vector<float>& b) {
  const double mean_a = mean(a), mean_b = mean(b);
  double product = 0;
  for (std::size_t i = 0; i < a.size(); ++i) product += (a[i] - mean_a) * (b[i] - mean_b);
  return product / static_cast<double>(a.size()) / deviation(a) / deviation(b);
}

TEST(SyntheticWeights, BaseIsCentredWithDeviationOneFiftieth) {
  const auto values = base(matrix, {0, matrix.elements()});
  EXPECT_NEAR(mean(values), 0.0, 2e-4);
  EXPECT_NEAR(deviation(values), 0.02, 2e-4);
}

TEST(SyntheticWeights, NormalisationWeightsAreNearOne) {
  const TensorInfo norm{"model.norm.weight", DType::f32, {4096}};
  EXPECT_NEAR(mean(base(norm, {0, 4096})), 1.0, 2e-3);
}

TEST(SyntheticWeights, ARangeHasTheValuesThatTheWholeHasThere) {
  const auto whole = base(matrix, {0, matrix.elements()});
  const auto part = base(matrix, {block_elements, 1003});
  EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + block_elements));
}

TEST(SyntheticWeights, ChangesAreSmallHeavyTailedAndZeroInOneOfEight) {
  const auto values = change(1);
  const double sigma = deviation(values);
  EXPECT_GT(sigma, 0.0004);
  EXPECT_LT(sigma, 0.0022);
  double fourth = 0;
  for (const float v : values) fourth += std::pow(v / sigma, 4);
  EXPECT_GT(fourth / static_cast<double>(values.size()), 10.0) << "3 would be a normal distribution";
  const auto zeros = std::count(values.begin(), values.end(), 0.0f);
  EXPECT_NEAR(static_cast<double>(zeros) / static_cast<double>(values.size()), 0.125, 0.01);
}

TEST(SyntheticWeights, ChangesAreUnrelatedToEachOtherAndToTheBase) {
  EXPECT_NEAR(correlation(change(1), change(2)), 0.0, 0.01);
  EXPECT_NEAR(correlation(change(1), base(matrix, {0, matrix.elements()})), 0.0, 0.01);
}

TEST(SyntheticWeights, SeedsAndTensorsHaveTheirOwnValues) {
  EXPECT_NE(base(matrix, {0, 64}), base(matrix, {0, 64}, 1));
  EXPECT_NE(base(matrix, {0, 64}), base({"other.weight", DType::f32, {512, 512}}, {0, 64}));
}

}  // namespace
}  // namespace stockpot::app
