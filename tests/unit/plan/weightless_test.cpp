// Models of weight 0: who is read, and what does not depend on it.
#include "planned.hpp"

namespace stockpot::plan {
namespace {

using namespace test;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

std::string recipe_of(const std::string& method, const std::string& weight_of_b, const std::string& more = "") {
  return "merge_method: " + method +
         "\nmodels:\n- {model: a, parameters: {weight: 0.5}}\n- {model: b, parameters: {weight: " + weight_of_b +
         "}}\n- {model: c, parameters: {weight: 2}}\n" + more;
}

const std::string with_base = "base_model: d\n";  // the last of MergeDocument::models()

std::vector<std::uint32_t> read_models(const MergePlan& plan, const std::string& tensor) {
  std::vector<std::uint32_t> models;
  for (const SourceTensor source : tensor_of(plan, tensor).sources) models.push_back(source.model);
  return models;
}

std::vector<double> weights(const MergePlan& plan, const std::string& tensor) {
  const auto given = plan.context[index_of(plan, tensor)].settings.per_model("weight");
  return {given.begin(), given.end()};
}

TEST(Weightless, AModelOfWeight0IsNotRead) {
  const auto plan = planned(recipe_of("linear", "0"), alike(3, tensors({"x"})));
  EXPECT_THAT(read_models(plan, "x"), ElementsAre(0, 2));
  EXPECT_THAT(weights(plan, "x"), ElementsAre(0.5, 2.0));
  EXPECT_EQ(plan.input_bytes(0), 2u * 4 * 8 * 2);
}

TEST(Weightless, NoWeightIsTooSmallToCount) {
  const auto plan = planned(recipe_of("linear", "1e-300"), alike(3, tensors({"x"})));
  EXPECT_THAT(read_models(plan, "x"), ElementsAre(0, 1, 2));
}

TEST(Weightless, EachTensorHasItsOwnWeights) {
  const auto plan = planned(recipe_of("ties", "[{filter: mlp, value: 0}, {value: 1}]", with_base),
                            alike(4, tensors({"attn", "mlp"})));
  EXPECT_THAT(read_models(plan, "attn"), ElementsAre(0, 1, 2));
  EXPECT_THAT(read_models(plan, "mlp"), ElementsAre(0, 2));
  EXPECT_EQ(tensor_of(plan, "mlp").base->model, 3u);
}

TEST(Weightless, WhereNobodyHasAWeightAllAreRead) {
  const std::string recipe =
      "merge_method: task_arithmetic\nbase_model: c\nmodels: [{model: a}, {model: b}]\n"
      "parameters: {weight: 0}\n";
  EXPECT_THAT(read_models(planned(recipe, alike(3, tensors({"x"}))), "x"), ElementsAre(0, 1));
}

TEST(Weightless, TheTypeOfTheResultIsStillThatOfTheFirstModel) {
  const std::string recipe =
      "merge_method: linear\nmodels:\n- {model: a, parameters: {weight: 0}}\n"
      "- {model: b, parameters: {weight: 1}}\n";
  auto models = alike(2, tensors({"x"}));
  models[0].tensors[0].info.dtype = DType::f32;
  const auto plan = planned(recipe, models);
  EXPECT_THAT(read_models(plan, "x"), ElementsAre(1));
  EXPECT_EQ(tensor_of(plan, "x").output.dtype, DType::f32);
}

TEST(Weightless, AModelThatMakesTheArithmeticWideStays) {
  auto models = alike(3, tensors({"x"}));
  models[1].tensors[0].info.dtype = DType::f64;
  const auto plan = planned(recipe_of("linear", "0"), models);
  EXPECT_THAT(read_models(plan, "x"), ElementsAre(0, 1, 2));
  EXPECT_TRUE(tensor_of(plan, "x").float64);
}

TEST(Weightless, WhatDoesNotFitIsStillReported) {
  auto models = alike(3, tensors({"x", "y"}));
  models[1].tensors[0].info.shape = {5, 8};
  EXPECT_THAT(report(recipe_of("linear", "0"), models), HasSubstr("TEN004"));
  models = alike(3, tensors({"x", "y"}));
  models[1].tensors.pop_back();
  EXPECT_THAT(report(recipe_of("linear", "0", "stockpot: {missing: error}\n"), models), HasSubstr("TEN002"));
}

TEST(Weightless, StatisticsOfTheWholeModelAreThoseOfAllModels) {
  const std::string whole = with_base + "parameters: {density: 0.5, scope: model}\n";
  const auto plan = planned(recipe_of("ties", "0", whole), alike(4, tensors({"x"})));
  EXPECT_THAT(read_models(plan, "x"), ElementsAre(0, 1, 2));
}

TEST(Weightless, WhereNaNIsToPropagateAllAreRead) {
  const auto plan =
      planned(recipe_of("linear", "0"), alike(3, tensors({"x"})), {.nonfinite = recipe::Nonfinite::propagate});
  EXPECT_THAT(read_models(plan, "x"), ElementsAre(0, 1, 2));
}

TEST(Weightless, OtherMethodsReadAll) {
  for (const char* method : {"consensus", "pcb", "tsvm"}) {
    const auto plan = planned(recipe_of(method, "0", with_base), alike(4, tensors({"x"})));
    EXPECT_THAT(read_models(plan, "x"), ElementsAre(0, 1, 2)) << method;
  }
}

TEST(Weightless, AnExplanationSaysWhoIsNotRead) {
  const auto plan = planned(recipe_of("linear", "0"), alike(3, tensors({"x"})), {.explain = "x"});
  EXPECT_THAT(plan.explanation, Contains("not read  b: its weight is 0"));
}

}  // namespace
}  // namespace stockpot::plan
