#include "core/trigonometry.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

namespace stockpot {
namespace {

/// How many units in the last place `value` is off.
double ulps(double value, long double exact) {
  const double size = std::abs(static_cast<double>(exact));
  const double unit = std::nextafter(size, HUGE_VAL) - size;
  return static_cast<double>(std::abs(value - exact) / unit);
}

TEST(Trigonometry, SineAndCosineAreWithinOneUlp) {
  std::mt19937_64 random(7);
  for (const double range : {1e-6, 1.0, 3.2, 100.0, 4e5}) {
    std::uniform_real_distribution<double> angles(-range, range);
    for (int i = 0; i < 40'000; ++i) {
      const double angle = angles(random);
      ASSERT_LE(ulps(sine(angle), std::sin(static_cast<long double>(angle))), 1.0) << angle;
      ASSERT_LE(ulps(cosine(angle), std::cos(static_cast<long double>(angle))), 1.0) << angle;
    }
  }
}

TEST(Trigonometry, SineAndCosineAreRightNextToMultiplesOfAQuarterTurn) {
  for (int quarter = -40; quarter <= 40; ++quarter) {
    for (const double direction : {-1e9, 1e9}) {
      const double angle = std::nextafter(quarter * std::numbers::pi / 2, direction);
      ASSERT_LE(ulps(sine(angle), std::sin(static_cast<long double>(angle))), 1.0) << angle;
      ASSERT_LE(ulps(cosine(angle), std::cos(static_cast<long double>(angle))), 1.0) << angle;
    }
  }
}

TEST(Trigonometry, ArcCosineIsWithinTwoUlps) {
  std::mt19937_64 random(8);
  std::uniform_real_distribution<double> whole(-1.0, 1.0), small(0.0, 1e-5);
  for (int i = 0; i < 40'000; ++i) {
    for (const double x : {whole(random), 1.0 - small(random), small(random) - 1.0, small(random)}) {
      ASSERT_LE(ulps(arc_cosine(x), std::acos(static_cast<long double>(x))), 2.0) << x;
    }
  }
}

TEST(Trigonometry, EndsAreExact) {
  EXPECT_EQ(arc_cosine(1.0), 0.0);
  EXPECT_EQ(arc_cosine(-1.0), std::numbers::pi);
  EXPECT_EQ(arc_cosine(0.0), std::numbers::pi / 2);
  EXPECT_EQ(sine(0.0), 0.0);
  EXPECT_EQ(cosine(0.0), 1.0);
}

TEST(Trigonometry, WhatHasNoAngleIsNaN) {
  EXPECT_TRUE(std::isnan(arc_cosine(NAN)));
  EXPECT_TRUE(std::isnan(arc_cosine(1.5)));
  EXPECT_TRUE(std::isnan(sine(INFINITY)));
  EXPECT_TRUE(std::isnan(cosine(NAN)));
}

}  // namespace
}  // namespace stockpot
