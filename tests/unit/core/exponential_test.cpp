#include "core/exponential.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "core/simd.hpp"
#include "support/instruction_sets.hpp"

namespace stockpot {
namespace {

using Limits = std::numeric_limits<double>;
constexpr double inf = Limits::infinity();

/// How many units in the last place `value` is off.
double ulps(double value, long double exact) {
  const double size = std::abs(static_cast<double>(exact));
  const double unit = std::nextafter(size, HUGE_VAL) - size;
  return static_cast<double>(std::abs(value - exact) / unit);
}

/// 100,000 numbers between `low` and `high`.
std::vector<double> numbers(double low, double high) {
  std::mt19937_64 random(9);
  std::uniform_real_distribution<double> between(low, high);
  std::vector<double> all(100'000);
  for (double& x : all) x = between(random);
  return all;
}

TEST(Exponential, IsWithinOneUlp) {
  for (const double range : {1e-9, 0.3, 1.0, 30.0, 708.0}) {
    for (const double x : numbers(-range, range)) {
      ASSERT_LE(ulps(exponential(x), std::exp(static_cast<long double>(x))), 1.0) << x;
    }
  }
}

TEST(Exponential, IsWithinOneUlpWhereResultsAreSubnormal) {
  for (const double x : numbers(-745.1, -708.0)) {
    ASSERT_LE(ulps(exponential(x), std::exp(static_cast<long double>(x))), 1.0) << x;
  }
}

TEST(Exponential, ReachesZeroAndInfinityWhereTheResultNoLongerFits) {
  EXPECT_LT(exponential(709.782712893383), inf);
  EXPECT_EQ(exponential(709.782712893385), inf);
  EXPECT_EQ(exponential(-745.13), Limits::denorm_min());
  EXPECT_EQ(exponential(-745.14), 0.0);
  for (const double far : {746.0, 1e5, 1e300, inf}) {
    EXPECT_EQ(exponential(far), inf) << far;
    EXPECT_EQ(exponential(-far), 0.0) << far;
  }
}

TEST(Exponential, IsExactAtZeroAndNextToIt) {
  for (const double x : {0.0, -0.0, Limits::denorm_min(), -Limits::denorm_min(), 1e-17, -1e-17}) {
    EXPECT_EQ(exponential(x), 1.0) << x;
  }
  EXPECT_TRUE(std::isnan(exponential(NAN)));
}

TEST(Logarithm, IsWithinOneUlp) {
  for (const double distance : {1e-12, 1e-3, 0.3, 0.999}) {
    for (const double x : numbers(1.0 - distance, 1.0 + distance)) {
      ASSERT_LE(ulps(logarithm(x), std::log(static_cast<long double>(x))), 1.0) << x;
    }
  }
  for (const double power : numbers(-1074.0, 1024.0)) {
    const double x = std::exp2(power);
    ASSERT_LE(ulps(logarithm(x), std::log(static_cast<long double>(x))), 1.0) << x;
  }
}

TEST(Logarithm, IsRightAtTheEndsOfItsRange) {
  EXPECT_EQ(logarithm(1.0), 0.0);
  EXPECT_FALSE(std::signbit(logarithm(1.0)));
  EXPECT_EQ(logarithm(0.0), -inf);
  EXPECT_EQ(logarithm(-0.0), -inf);
  EXPECT_EQ(logarithm(inf), inf);
  EXPECT_EQ(logarithm(Limits::max()), 0x1.62e42fefa39efp+9);
  EXPECT_EQ(logarithm(Limits::min()), -0x1.6232bdd7abcd2p+9);
  EXPECT_EQ(logarithm(Limits::denorm_min()), -0x1.74385446d71c3p+9);
}

TEST(Logarithm, OfWhatIsBelowZeroIsNaN) {
  for (const double x : {-Limits::denorm_min(), -1.0, -Limits::max(), -inf, double{NAN}, -double{NAN}}) {
    EXPECT_TRUE(std::isnan(logarithm(x))) << x;
  }
}

TEST(Logarithm, OfARatioIsWithinOneUlp) {
  for (const double range : {1e-300, 1e-12, 1e-4, nearly_equal}) {
    for (const double s : numbers(-range, range)) {
      ASSERT_LE(ulps(logarithm_of_ratio(s), 2 * std::atanh(static_cast<long double>(s))), 1.0) << s;
    }
  }
  EXPECT_EQ(logarithm_of_ratio(0.0), 0.0);
  EXPECT_TRUE(std::isnan(logarithm_of_ratio(NAN)));
}

TEST(HyperbolicTangent, IsWithinOneAndAHalfUlps) {
  for (const double range : {1e-300, 1e-9, 0.1, 0.7, 3.0, 25.0}) {
    for (const double x : numbers(-range, range)) {
      ASSERT_LE(ulps(hyperbolic_tangent(x), std::tanh(static_cast<long double>(x))), 1.5) << x;
    }
  }
}

TEST(HyperbolicTangent, IsTheArgumentItselfNextToZeroAndOneFarAway) {
  for (const double x : {0.0, Limits::denorm_min(), Limits::min(), 1e-200, 1e-9}) {
    EXPECT_EQ(hyperbolic_tangent(x), x);
    EXPECT_EQ(hyperbolic_tangent(-x), -x);
  }
  EXPECT_TRUE(std::signbit(hyperbolic_tangent(-0.0)));
  EXPECT_FALSE(std::signbit(hyperbolic_tangent(0.0)));
  for (const double x : {20.0, 1e5, Limits::max(), inf}) {
    EXPECT_EQ(hyperbolic_tangent(x), 1.0);
    EXPECT_EQ(hyperbolic_tangent(-x), -1.0);
  }
  EXPECT_TRUE(std::isnan(hyperbolic_tangent(NAN)));
}

constexpr auto write_all = [](const double* x, std::size_t count, double* out) {
  for (std::size_t i = 0; i < count; ++i) out[i] = exponential(x[i]);
  for (std::size_t i = 0; i < count; ++i) out[count + i] = logarithm(x[i]);
  for (std::size_t i = 0; i < count; ++i) out[2 * count + i] = hyperbolic_tangent(x[i]);
};

TEST(Exponential, AndItsKinHaveTheSameBitsInEveryInstructionSet) {
  const auto x = numbers(0.0, 30.0);
  std::vector<double> one_by_one;
  for (const double value : x) one_by_one.push_back(exponential(value));
  for (const double value : x) one_by_one.push_back(logarithm(value));
  for (const double value : x) one_by_one.push_back(hyperbolic_tangent(value));
  for (const InstructionSet set : test::available_instruction_sets()) {
    const test::WithInstructionSet use(set);
    std::vector<double> out(3 * x.size());
    dispatch(write_all, x.data(), x.size(), out.data());
    EXPECT_EQ(out, one_by_one) << name(set);
  }
}

}  // namespace
}  // namespace stockpot
