// NaN, infinities, -0 and subnormals go through methods as IEEE 754 has it; nothing is flushed, clipped or lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/run_method.hpp"

namespace stockpot::test {
namespace {

using Floats = std::vector<float>;
constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float tiny = std::numeric_limits<float>::denorm_min();

HandTensor<float> with(Floats base, std::vector<Floats> models) {
  return {.name = "t", .shape = {}, .base = std::move(base), .models = std::move(models)};
}

TEST(Nonfinite, ANaNReachesTheResultOfEveryMethod) {
  const auto tensor = with({1, 1}, {{nan, 2}, {3, 2}});
  for (const char* method : {"task_arithmetic", "ties", "dare_linear", "dare_ties"}) {
    const Floats out = merged(method, {{"weight", 1}}, tensor);
    EXPECT_TRUE(std::isnan(out[0])) << method;
    EXPECT_FALSE(std::isnan(out[1])) << method;
  }
  EXPECT_TRUE(std::isnan(merged("linear", {{"weight", 1}}, with({}, tensor.models))[0]));
  EXPECT_TRUE(std::isnan(merged("slerp", {{"t", 0.5}}, with({1, 1}, {{nan, 2}}))[0]));
  EXPECT_TRUE(std::isnan(merged("model_stock", {}, tensor)[0]));
}

TEST(Nonfinite, ANaNCountsAsTheLargestChange) {
  const Floats out = merged("ties", {{"weight", 1}, {"density", 0.3}}, with({0, 0, 0, 0}, {{5, nan, inf, 1}}));
  EXPECT_TRUE(std::isnan(out[1]));
  EXPECT_EQ(out[2], 0);
}

TEST(Nonfinite, InfinitiesArePropagated) {
  EXPECT_EQ(merged("linear", {{"weight", {1, 1}}}, with({}, {{inf}, {1}}))[0], inf);
  EXPECT_EQ(merged("ties", {{"weight", 1}}, with({1}, {{-inf}, {-2}}))[0], -inf);
  EXPECT_TRUE(std::isnan(merged("task_arithmetic", {{"weight", 1}}, with({1}, {{-inf}, {inf}}))[0]));
}

TEST(Nonfinite, SubnormalsAreKept) {
  EXPECT_EQ(merged("linear", {{"weight", {1, 1}}, {"normalize", false}}, with({}, {{tiny}, {2 * tiny}}))[0], 3 * tiny);
  EXPECT_EQ(merged("ties", {{"weight", 1}, {"density", 0.5}}, with({0, 0}, {{0, tiny}}))[1], tiny);
}

TEST(Nonfinite, NegativeZeroSurvivesACopyAndHasNoSignInAnElection) {
  EXPECT_TRUE(std::signbit(merged("passthrough", {}, with({}, {{-0.0f}}))[0]));
  EXPECT_EQ(merged("ties", {{"weight", 1}, {"sign_consensus", "count"}}, with({0}, {{-0.0f}, {-0.0f}, {2}}))[0], 2);
  EXPECT_FALSE(std::signbit(merged("linear", {{"weight", 1}}, with({}, {{-0.0f}}))[0]));
}

TEST(Nonfinite, ValuesOfDoubleAreNotRoundedToFloat) {
  const HandTensor<double> tensor{
      .name = "t", .shape = {}, .base = {1.0}, .models = {{1.0 + 0x1p-40}, {1.0 - 0x1p-41}}};
  EXPECT_EQ(merged("task_arithmetic", {{"weight", 1}}, tensor)[0], 1.0 + 0x1p-41);
  EXPECT_EQ(merged("ties", {{"weight", 1}}, tensor)[0], 1.0 + 0x1p-40);
}

TEST(Nonfinite, TheMedianTakesNanForTheLargest) {
  const HandTensor<float> three{
      .name = "t", .shape = {}, .base = {}, .models = {{nan, nan, 1}, {1, nan, 2}, {2, 3, 0}}};
  const auto out = merged("median", {}, three);
  EXPECT_EQ(out[0], 2.0f);
  EXPECT_TRUE(std::isnan(out[1]));
  EXPECT_EQ(out[2], 1.0f);
}

}  // namespace
}  // namespace stockpot::test
