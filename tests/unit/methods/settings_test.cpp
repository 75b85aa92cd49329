#include "methods/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {
namespace {

using ::testing::ElementsAre;

const MethodSpec example{
    .name = "example",
    .summary = "",
    .formula = "",
    .source = "",
    .parameters = {{.name = "weight", .level = Level::model, .required = true},
                   {.name = "density", .level = Level::model, .fallback = 0.5},
                   {.name = "lambda", .fallback = 1.0},
                   {.name = "t"},
                   {.name = "rule", .type = ValueType::choice, .fallback = 1.0, .choices = {"one", "two"}}}};

TEST(Settings, StartAtTheFallbacks) {
  const Settings settings(example, 2);
  EXPECT_THAT(settings.per_model("density"), ElementsAre(0.5, 0.5));
  EXPECT_EQ(settings.number("lambda"), 1.0);
  EXPECT_EQ(settings.choice("rule"), "two");
}

TEST(Settings, WithoutFallbackAreNotSet) {
  Settings settings(example, 2);
  EXPECT_FALSE(settings.is_set("t"));
  settings.set("weight", 1, 0.25);
  EXPECT_FALSE(settings.is_set("weight", 0));
  EXPECT_TRUE(settings.is_set("weight", 1));
  EXPECT_TRUE(std::isnan(settings.per_model("weight")[0]));
}

TEST(Settings, OneValuePerModelOrOneForTheMerge) {
  Settings settings(example, 3);
  for (std::size_t m = 0; m < 3; ++m) settings.set("weight", m, static_cast<double>(m));
  settings.set("lambda", 2, 7.0);
  EXPECT_THAT(settings.per_model("weight"), ElementsAre(0, 1, 2));
  EXPECT_EQ(settings.number("lambda"), 7.0);
}

TEST(Settings, AreEqualWhenEveryValueIs) {
  Settings a(example, 1), b(example, 1);
  EXPECT_EQ(a, b);
  b.set("weight", 0, 1.0);
  EXPECT_FALSE(a == b);
  a.set("weight", 0, 1.0);
  EXPECT_EQ(a, b);
}

TEST(Settings, KnowTheirNames) {
  const Settings settings(example, 1);
  EXPECT_TRUE(settings.declares("rule"));
  EXPECT_FALSE(settings.declares("gamma"));
  EXPECT_THROW(settings.number("gamma"), Error);
  EXPECT_THROW(settings.number("weight"), Error);
  EXPECT_THROW(settings.per_model("lambda"), Error);
}

TEST(Interval, SaysWhatItHolds) {
  EXPECT_EQ(Interval{}.text(), "finite");
  EXPECT_EQ((Interval{0, 1}).text(), "in [0, 1]");
  EXPECT_EQ((Interval{0, 1, true, false}).text(), "in (0, 1]");
  EXPECT_EQ((Interval{.low = 0}).text(), ">= 0");
  EXPECT_EQ((Interval{.low = 0, .low_open = true}).text(), "> 0");
}

TEST(Interval, HoldsItsClosedEndsOnlyAndNothingInfinite) {
  const Interval half_open{0, 1, true, false};
  EXPECT_FALSE(half_open.contains(0));
  EXPECT_TRUE(half_open.contains(1));
  EXPECT_FALSE(Interval{}.contains(INFINITY));
  EXPECT_FALSE(Interval{}.contains(NAN));
  EXPECT_TRUE(Interval{}.contains(-1e300));
}

}  // namespace
}  // namespace stockpot::methods
