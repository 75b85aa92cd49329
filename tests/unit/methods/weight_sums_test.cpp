#include <gtest/gtest.h>

#include "core/error.hpp"
#include "methods/method.hpp"
#include "support/error_of.hpp"
#include "support/run_method.hpp"

namespace stockpot::methods {
namespace {

using test::error_of;
using test::Parameters;
using test::settings_of;
using test::Value;

/// What a method that normalizes says of the weights of two models.
void check(const char* method, double first, double second, bool normalize = true) {
  const MethodSpec& spec = *find_method(method);
  spec.check(settings_of(spec, 2, {{"weight", {first, second}}, {"normalize", normalize}}));
}

class DividesByWeights : public testing::TestWithParam<const char*> {};

TEST_P(DividesByWeights, NoSumThatFloat32CannotHold) {
  const Error error = error_of([] { check(GetParam(), 2e38, 2e38); });
  EXPECT_EQ(error.kind(), ErrorKind::recipe);
  EXPECT_EQ(error.class_code(), "CFG053");
  EXPECT_NO_THROW(check(GetParam(), 1e38, 1e38));
  EXPECT_NO_THROW(check(GetParam(), 2e38, 2e38, false));
}

TEST_P(DividesByWeights, NoSumThatHasLostBits) {
  EXPECT_EQ(error_of([] { check(GetParam(), 1e-43, 1e-43); }).class_code(), "CFG053");
  EXPECT_NO_THROW(check(GetParam(), 1e-30, 1e-30));
  EXPECT_NO_THROW(check(GetParam(), 0, 1));
}

INSTANTIATE_TEST_SUITE_P(WeightSums, DividesByWeights,
                         testing::Values("linear", "uniform_soup", "task_arithmetic", "ties", "dare_linear",
                                         "dare_ties", "della", "della_linear", "breadcrumbs", "breadcrumbs_ties"));

TEST(WeightSums, AnyModelsMayBeTheOnesThatAgree) {
  EXPECT_NO_THROW(check("linear", 2e38, -1e38));
  EXPECT_NO_THROW(check("ties", 3e38, -3e38));  // the sums of any of them are finite
  EXPECT_EQ(error_of([] { check("ties", -2e38, -2e38); }).class_code(), "CFG053");
  EXPECT_EQ(error_of([] { check("ties", 1, 1e-43); }).class_code(), "CFG053");
}

}  // namespace
}  // namespace stockpot::methods
