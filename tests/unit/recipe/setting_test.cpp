#include "recipe/setting.hpp"

#include <gtest/gtest.h>

namespace stockpot::recipe {
namespace {

Setting gradient(std::vector<Scalar> points) {
  return {.cases = {{.filter = "", .values = std::move(points), .at = {}}}, .at = {}};
}

double number(const Setting& setting, double t) {
  return std::get<double>(setting.evaluate("any", t, Between::interpolate).value());
}

TEST(Gradient, PassesThroughItsPointsAndIsLinearBetween) {
  const Setting setting = gradient({0.0, 0.5, 0.3, 0.7, 1.0});
  EXPECT_NEAR(number(setting, 0 / 31.0), 0.0, 0.0);
  EXPECT_NEAR(number(setting, 5 / 31.0), 0.3225806, 5e-8);
  EXPECT_NEAR(number(setting, 10 / 31.0), 0.4419355, 5e-8);
  EXPECT_NEAR(number(setting, 16 / 31.0), 0.3258065, 5e-8);
  EXPECT_NEAR(number(setting, 31 / 31.0), 1.0, 0.0);
}

TEST(Gradient, KeepsTheWrittenOrderOfOperations) {
  const double s = 0.3 * 2, f = s - 0.0;
  EXPECT_EQ(number(gradient({0.1, 0.7, 0.9}), 0.3), (1 - f) * 0.1 + f * 0.7);
}

TEST(Gradient, OfOnePointIsThatPoint) {
  EXPECT_EQ(number(gradient({0.4}), 0.0), 0.4);
  EXPECT_EQ(number(gradient({0.4}), 0.7), 0.4);
}

TEST(Gradient, OfStepsTakesThePointBefore) {
  const Setting setting = gradient({1.0, 0.0, 1.0});
  EXPECT_EQ(setting.evaluate("any", 0.49, Between::step), Scalar(1.0));
  EXPECT_EQ(setting.evaluate("any", 0.5, Between::step), Scalar(0.0));
  EXPECT_EQ(setting.evaluate("any", 0.99, Between::step), Scalar(0.0));
  EXPECT_EQ(setting.evaluate("any", 1.0, Between::step), Scalar(1.0));
}

TEST(Gradient, WithATextInItIsNeverInterpolated) {
  const Setting setting = gradient({std::string("sum"), std::string("count")});
  EXPECT_EQ(setting.evaluate("any", 0.9, Between::interpolate), Scalar(std::string("sum")));
  EXPECT_EQ(setting.evaluate("any", 1.0, Between::interpolate), Scalar(std::string("count")));
}

TEST(Setting, TheFirstMatchingCaseWins) {
  const Setting setting{.cases = {{"self_attn", {0.0, 1.0}, {}}, {"mlp", {0.25}, {}}, {"", {0.5}, {}}}, .at = {}};
  EXPECT_EQ(setting.evaluate("layers.0.mlp.up", 0.5, Between::interpolate), Scalar(0.25));
  EXPECT_EQ(setting.evaluate("layers.0.self_attn.mlp", 0.5, Between::interpolate), Scalar(0.5));
  EXPECT_EQ(setting.evaluate("layers.0.self_attn.mlp", 0.25, Between::interpolate), Scalar(0.25));
  EXPECT_EQ(setting.evaluate("lm_head.weight", 0.0, Between::interpolate), Scalar(0.5));
}

TEST(Setting, YieldsNothingWhereNoCaseMatches) {
  const Setting setting{.cases = {{"mlp", {1.0}, {}}}, .at = {}};
  EXPECT_EQ(setting.evaluate("layers.0.self_attn", 0.0, Between::interpolate), std::nullopt);
}

}  // namespace
}  // namespace stockpot::recipe
