// The records that make methods known: what recipes, help and plans read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/error.hpp"
#include "support/random_tensor.hpp"
#include "support/run_method.hpp"

namespace stockpot::test {
namespace {

using methods::find_method;
using methods::MethodSpec;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> warnings(std::string_view method, std::size_t models, const Parameters& parameters) {
  const MethodSpec& spec = *find_method(method);
  return spec.check ? spec.check(settings_of(spec, models, parameters)) : std::vector<std::string>{};
}

std::string error_code(std::string_view method, std::size_t models, const Parameters& parameters) {
  try {
    warnings(method, models, parameters);
  } catch (const Error& error) {
    return error.kind() == ErrorKind::recipe ? error.class_code() : "another kind";
  }
  return "none";
}

TEST(Records, NamesAreUniqueAndFound) {
  std::set<std::string_view> names;
  for (const MethodSpec* method : methods::all_methods()) {
    EXPECT_TRUE(names.insert(method->name).second) << method->name;
    EXPECT_EQ(find_method(method->name), method);
  }
  EXPECT_EQ(find_method("no such method"), nullptr);
}

TEST(Records, ExplainThemselvesAndEveryParameter) {
  for (const MethodSpec* method : methods::all_methods()) {
    EXPECT_FALSE(method->summary.empty() || method->formula.empty()) << method->name;
    for (const auto& parameter : method->parameters) {
      EXPECT_FALSE(parameter.help.empty()) << method->name << " " << parameter.name;
      EXPECT_EQ(parameter.type == methods::ValueType::choice, !parameter.choices.empty()) << parameter.name;
      EXPECT_TRUE(parameter.interval.contains(parameter.fallback.value_or(1.0))) << parameter.name;
    }
  }
}

TEST(Records, TallyBoundsWhatEveryPassAsksFor) {
  const std::vector<std::pair<std::string, Parameters>> runs{
      {"slerp", {{"t", 0.5}}},
      {"model_stock", {}},
      {"ties", {{"weight", 1}, {"density", 0.3}, {"rescale", true}, {"zero_sign", "majority"}}},
      {"ties", {{"weight", 1}, {"density", 0.3}, {"rescale", true}, {"rescale_mode", "linf"}}},
      {"dare_ties", {{"weight", 1}, {"density", 0.3}, {"zero_sign", "majority"}}},
      {"dare_linear", {{"weight", 1}, {"density", 0.3}, {"rescale_mode", "linf"}}},
  };
  for (const auto& [name, parameters] : runs) {
    const MethodSpec& method = *find_method(name);
    const std::size_t models = std::min<std::size_t>(method.max_models, 3);
    const auto settings = settings_of(method, models, parameters);
    for (const bool wide : {false, true}) {
      const auto run =
          run_method(name, parameters, std::vector{random_tensor<float>(70'000, models, 1)}, {.wide = wide});
      const methods::Needs needs = method.needs(settings, {.elements = 70'000, .models = models, .float64 = wide});
      EXPECT_GE(run.passes.size(), static_cast<std::size_t>(needs.passes)) << name;
      for (const auto& pass : run.passes) {
        EXPECT_LE(pass.shape.counts, needs.tally.counts) << name;
        EXPECT_LE(pass.shape.sums, needs.tally.sums) << name;
        EXPECT_LE(pass.shape.maxima, needs.tally.maxima) << name;
      }
    }
  }
}

TEST(Records, WeightsThatAddUpToZeroCannotBeNormalized) {
  EXPECT_EQ(error_code("linear", 2, {{"weight", {1, -1}}}), "CFG053");
  EXPECT_EQ(error_code("linear", 2, {{"weight", {1, -1}}, {"normalize", false}}), "none");
  EXPECT_EQ(error_code("uniform_soup", 2, {}), "none");
}

TEST(Records, SlerpLeavesItsModelsOnlyWhenAsked) {
  EXPECT_EQ(error_code("slerp", 1, {{"t", 1.5}}), "CFG052");
  EXPECT_EQ(error_code("slerp", 1, {{"t", 1.5}, {"extrapolate", true}}), "none");
  EXPECT_EQ(error_code("slerp", 1, {{"t", 1}}), "none");
}

TEST(Records, WarnOfSettingsWithoutTheEffectOneExpects) {
  EXPECT_THAT(warnings("ties", 2, {{"weight", {1, -0.5}}}), ElementsAre(HasSubstr("negative weight")));
  EXPECT_THAT(warnings("ties", 2, {{"weight", {1, -0.5}}, {"normalize", false}}), IsEmpty());
  EXPECT_THAT(warnings("task_arithmetic", 1, {{"weight", 1}, {"density", 0.5}}), ElementsAre(HasSubstr("density")));
}

TEST(Records, PassthroughWithoutScaleIsACopy) {
  const MethodSpec& passthrough = *find_method("passthrough");
  EXPECT_TRUE(passthrough.copies(settings_of(passthrough, 1, {})));
  EXPECT_FALSE(passthrough.copies(settings_of(passthrough, 1, {{"scale", {1}}})));
}

TEST(Records, ModelStockRemarksOnRatiosBelowTheBase) {
  const HandTensor<float> opposed{
      .name = "t", .shape = {2, 2}, .base = {0, 0, 0, 0}, .models = {{1, 0, 1, 1}, {-1, 1, 1, 1}}};
  const auto by_row = run_method("model_stock", {{"filter_wise", true}}, std::vector{opposed});
  EXPECT_THAT(by_row.remarks, ElementsAre(HasSubstr("negative in 1 rows")));
  EXPECT_THAT(run_method("model_stock", {}, std::vector{opposed}).remarks, IsEmpty());
}

TEST(Records, ModelStockStaysAtTheBaseWhereOffsetsCancel) {
  const HandTensor<float> opposed{.name = "t", .shape = {}, .base = {1, 1}, .models = {{2, 3}, {0, -1}}};
  const auto run = run_method("model_stock", {}, std::vector{opposed});
  EXPECT_THAT(run.tensors[0], ElementsAre(1, 1));
  EXPECT_THAT(run.remarks, ElementsAre(HasSubstr("cancel in 1 tensors")));
}

TEST(Records, AWholeModelThresholdNeedsEveryModelInEveryTensor) {
  auto group = std::vector{random_tensor<float>(10, 2, 1, "a"), random_tensor<float>(10, 1, 2, "b")};
  try {
    run_method("ties", {{"weight", 1}, {"density", 0.5}, {"scope", "model"}}, group);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("tensor  b"));
  }
}

}  // namespace
}  // namespace stockpot::test
