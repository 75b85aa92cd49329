// What holds of nuslerp, multislerp, karcher, geometric_median and metagpt for any input, and what their records say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "support/error_of.hpp"
#include "support/random_tensor.hpp"
#include "support/run_method.hpp"

namespace stockpot::test {
namespace {

using methods::find_method;
using methods::MethodSpec;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pointwise;
using Floats = std::vector<float>;
constexpr std::size_t size = 70'001;

HandTensor<float> tensor(Floats base, std::vector<Floats> models) {
  return {.name = "t", .shape = {}, .base = std::move(base), .models = std::move(models)};
}

HandTensor<float> without_base(HandTensor<float> tensor) {
  tensor.base.clear();
  return tensor;
}

auto Nearly(Floats expected) { return Pointwise(::testing::FloatNear(1e-6f), std::move(expected)); }

TEST(GramProperties, OrthogonalModelsOfOneLengthShareEqually) {
  const auto axes = tensor({}, {{2, 0, 0, 0}, {0, 0, 2, 0}, {0, 0, 0, 2}});
  const float unit = 2 / std::sqrt(3.0f), third = 2 / 3.0f;
  EXPECT_THAT(merged("multislerp", {{"weight", 1}}, axes), Nearly(Floats{unit, 0, unit, unit}));
  EXPECT_THAT(merged("karcher", {}, axes), Nearly(Floats{unit, 0, unit, unit}));
  EXPECT_THAT(merged("geometric_median", {}, axes), Nearly(Floats{third, 0, third, third}));
}

TEST(GramProperties, ATensorThatOneModelHasIsThatModels) {
  const auto alone = tensor({}, {{1, -0.0f, 3}});
  for (const char* name : {"multislerp", "karcher", "geometric_median"}) {
    const auto run = run_method(name, {{"weight", 0.7}}, std::vector{alone});
    EXPECT_THAT(run.tensors[0], ElementsAreArray(alone.models[0])) << name;
    EXPECT_TRUE(std::signbit(run.tensors[0][1])) << name;
    EXPECT_THAT(run.passes, IsEmpty()) << name;
  }
  for (const char* name : {"multislerp", "karcher"}) {
    const MethodSpec& spec = *find_method(name);
    EXPECT_TRUE(spec.copies(settings_of(spec, 1, {{"weight", 1}}))) << name;
    EXPECT_FALSE(spec.copies(settings_of(spec, 2, {{"weight", 1}}))) << name;
  }
}

TEST(GramProperties, EqualModelsComeBack) {
  auto equal = without_base(random_tensor<float>(size, 1, 1));
  equal.models.assign(3, equal.models[0]);
  for (const char* name : {"multislerp", "karcher", "geometric_median"}) {
    EXPECT_THAT(merged(name, {{"weight", {1, 2, 3}}}, equal), Nearly(equal.models[0])) << name;
  }
  equal.models.resize(2);
  EXPECT_THAT(merged("nuslerp", {{"weight", {1, 3}}}, equal), Nearly(equal.models[0]));
}

TEST(GramProperties, ModelsEqualToTheBaseGiveTheBase) {
  auto unchanged = random_tensor<float>(size, 2, 2);
  unchanged.models.assign(2, unchanged.base);
  EXPECT_EQ(merged("metagpt", {}, unchanged), unchanged.base);
  EXPECT_EQ(merged("multislerp", {{"weight", {1, 2}}}, unchanged), unchanged.base);
  EXPECT_EQ(merged("nuslerp", {{"weight", {1, 2}}}, unchanged), unchanged.base);
  EXPECT_EQ(merged("nuslerp", {{"weight", {1, 2}}, {"nuslerp_flatten", false}}, unchanged), unchanged.base);
}

TEST(GramProperties, MetagptOfOneModelIsThatModelWithinAnUlp) {
  const auto one = random_tensor<float>(size, 1, 3);
  const Floats out = merged("metagpt", {}, one);
  for (std::size_t i = 0; i < size; ++i) {
    const float scale = std::max(std::abs(one.base[i]), std::abs(one.models[0][i]));
    ASSERT_LE(std::abs(out[i] - one.models[0][i]), 0x1p-23f * scale) << i;
  }
}

TEST(GramProperties, MetagptScalesWithTheChanges) {
  const auto changes = [](float factor) {
    auto tensor = random_tensor<float>(size, 3, 4);
    for (auto& model : tensor.models) {
      for (std::size_t i = 0; i < size; ++i) model[i] = factor * (model[i] - tensor.base[i]);
    }
    tensor.base.assign(size, 0.0f);
    return tensor;
  };
  Floats scaled = merged("metagpt", {}, changes(1));
  for (float& value : scaled) value *= 0x1p-9f;
  EXPECT_EQ(merged("metagpt", {}, changes(0x1p-9f)), scaled);
}

TEST(GramProperties, TheOrderOfModelsChangesOnlyRounding) {
  const auto given = random_tensor<float>(size, 5, 5);
  auto rotated = given;
  std::ranges::rotate(rotated.models, rotated.models.begin() + 2);
  const Parameters weights{{"weight", {1, 2, 3, 4, 5}}}, rotated_weights{{"weight", {3, 4, 5, 1, 2}}};
  for (const char* name : {"multislerp", "karcher", "geometric_median"}) {
    const Floats want = merged(name, weights, without_base(given));
    EXPECT_THAT(merged(name, rotated_weights, without_base(rotated)), Nearly(want)) << name;
  }
  EXPECT_THAT(merged("multislerp", rotated_weights, rotated), Nearly(merged("multislerp", weights, given)));
  EXPECT_THAT(merged("metagpt", {}, rotated), Nearly(merged("metagpt", {}, given)));
}

TEST(GramProperties, ANaNReachesTheResult) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const auto spoilt = [&](Floats base) { return tensor(std::move(base), {{nan, 2}, {3, 2}}); };
  for (const char* name : {"nuslerp", "multislerp", "karcher", "geometric_median"}) {
    EXPECT_TRUE(std::isnan(merged(name, {{"weight", 1}}, spoilt({}))[0])) << name;
  }
  const Parameters columns{{"weight", 1}, {"nuslerp_flatten", false}, {"nuslerp_row_wise", true}};
  auto matrix = spoilt({});
  matrix.shape = {1, 2};
  EXPECT_TRUE(std::isnan(merged("nuslerp", columns, matrix)[0]));
  EXPECT_TRUE(std::isnan(merged("metagpt", {}, spoilt({1, 1}))[0]));
  EXPECT_TRUE(std::isnan(merged("karcher", {}, tensor({}, {{nan}, {nan}}))[0]));
}

TEST(GramProperties, OnePassAddsUpWhatTheRecordSays) {
  const auto expect_sums = [](const char* name, const Parameters& parameters, std::size_t models, std::size_t sums) {
    auto in = random_tensor<float>(70'000, models, 6);
    in.shape = {700, 100};
    const MethodSpec& spec = *find_method(name);
    const auto run = run_method(name, parameters, std::vector{in});
    const methods::Needs needs =
        spec.needs(settings_of(spec, models, parameters), {.elements = 70'000, .models = models, .shape = in.shape});
    EXPECT_EQ(needs.tally.sums, sums) << name;
    ASSERT_EQ(run.passes.size(), static_cast<std::size_t>(needs.passes)) << name;
    for (const auto& pass : run.passes) EXPECT_EQ(pass.shape.sums, sums) << name;
  };
  expect_sums("multislerp", {{"weight", 1}}, 4, 10);
  expect_sums("karcher", {}, 4, 10);
  expect_sums("geometric_median", {}, 4, 6);
  expect_sums("metagpt", {}, 4, 4);
  expect_sums("nuslerp", {{"weight", 1}}, 2, 3);
  expect_sums("nuslerp", {{"weight", 1}, {"nuslerp_flatten", false}}, 2, 0);
  expect_sums("nuslerp", {{"weight", 1}, {"nuslerp_flatten", false}, {"nuslerp_row_wise", true}}, 2, 300);
}

TEST(GramProperties, MultislerpRefusesToDivideByWeightsThatAddUpToZero) {
  const MethodSpec& spec = *find_method("multislerp");
  const auto checked = [&](const Parameters& parameters) { spec.check(settings_of(spec, 2, parameters)); };
  EXPECT_EQ(error_of([&] { checked({{"weight", {1, -1}}}); }).class_code(), "CFG053");
  EXPECT_NO_THROW(checked({{"weight", {1, -1}}, {"normalize_weights", false}}));
  EXPECT_NO_THROW(spec.check(settings_of(spec, 1, {{"weight", 0}})));  // one model is copied whatever its weight
}

TEST(GramProperties, NuslerpWarnsOfAnAxisThatFlattenHides) {
  const MethodSpec& spec = *find_method("nuslerp");
  const auto warnings = [&](const Parameters& parameters) { return spec.check(settings_of(spec, 2, parameters)); };
  EXPECT_THAT(warnings({{"weight", 1}, {"nuslerp_row_wise", true}}), ElementsAre(HasSubstr("no effect")));
  EXPECT_THAT(warnings({{"weight", 1}, {"nuslerp_row_wise", true}, {"nuslerp_flatten", false}}), IsEmpty());
}

}  // namespace
}  // namespace stockpot::test
