// nuslerp, multislerp, karcher, geometric_median and metagpt: worked examples to seven digits (base P, models A, B, C)
// and vectors that have no arc between them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/run_method.hpp"

namespace stockpot::test {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pointwise;
using Floats = std::vector<float>;

const Floats P{1, -2, 0.5f, 0, 3, -1};
const Floats A{1.5f, -3, 0.75f, 0, 5, -1.5f};
const Floats B{0.75f, -2.5f, 1.5f, 0.75f, 3, -0.5f};
const Floats C{2, -1.5f, 0, 0.25f, 2, -1};

Floats times(float factor, Floats values) {
  for (float& value : values) value *= factor;
  return values;
}

HandTensor<float> with(Floats base, std::vector<Floats> models) {
  return {.name = "t", .shape = {2, 3}, .base = std::move(base), .models = std::move(models)};
}

MATCHER(NearlyEqual, "") {
  const float got = std::get<0>(arg), expected = std::get<1>(arg);
  return std::abs(got - expected) <= 5e-7f * std::max(1.0f, std::abs(expected));
}
auto Approximately(Floats expected) { return Pointwise(NearlyEqual(), std::move(expected)); }

const Parameters three_to_one{{"weight", {3, 1}}};
const Parameters along_rows{{"weight", {3, 1}}, {"nuslerp_flatten", false}};
const Parameters along_columns{{"weight", {3, 1}}, {"nuslerp_flatten", false}, {"nuslerp_row_wise", true}};

TEST(Nuslerp, FollowsTheArcBetweenTwoModels) {
  EXPECT_THAT(merged("nuslerp", three_to_one, with({}, {A, C})),
              Approximately({1.656935f, -2.669348f, 0.5706589f, 0.06445216f, 4.32001f, -1.399126f}));
  EXPECT_THAT(merged("nuslerp", along_rows, with({}, {A, C})),
              Approximately({1.667733f, -2.684322f, 0.5734088f, 0.06291137f, 4.264797f, -1.380097f}));
  EXPECT_THAT(merged("nuslerp", along_columns, with({}, {A, C})),
              Approximately({1.627481f, -2.627368f, 0.5714885f, 0.06265128f, 4.253739f, -1.401584f}));
}

TEST(Nuslerp, FollowsTheArcBetweenTaskVectorsIfThereIsABase) {
  EXPECT_THAT(merged("nuslerp", three_to_one, with(P, {A, B})),
              Approximately({1.35753f, -3.074506f, 1.083141f, 0.2695841f, 4.789567f, -1.267669f}));
}

TEST(Nuslerp, GoesStraightBetweenOppositeAndBetweenParallelVectors) {
  for (const auto& parameters : {three_to_one, along_rows, along_columns}) {
    EXPECT_THAT(merged("nuslerp", parameters, with({}, {P, times(-1, P)})), ElementsAreArray(times(0.5f, P)));
    EXPECT_THAT(merged("nuslerp", parameters, with({}, {P, times(2, P)})), Approximately(times(1.25f, P)));
  }
}

TEST(Nuslerp, TakesAZeroVectorForOneAtARightAngle) {
  EXPECT_THAT(merged("nuslerp", {{"weight", 1}}, with({}, {Floats(6), P})), Approximately(times(0.70710678f, P)));
}

TEST(Nuslerp, GoesHalfwayIfTheWeightsCancel) {
  EXPECT_EQ(merged("nuslerp", {{"weight", {1, -1}}}, with({}, {A, C})),
            merged("nuslerp", {{"weight", 1}}, with({}, {A, C})));
}

TEST(Nuslerp, ATensorOfOneDimensionIsOneVectorAlongItsFirstAxis) {
  const HandTensor<float> flat{.name = "t", .shape = {6}, .base = {}, .models = {A, C}};
  EXPECT_EQ(merged("nuslerp", along_columns, flat), merged("nuslerp", three_to_one, flat));
  const HandTensor<float> scalar{.name = "t", .shape = {1}, .base = {}, .models = {{2}, {4}}};
  EXPECT_THAT(merged("nuslerp", along_columns, scalar), ElementsAre(2.5f));
}

TEST(Nuslerp, OfOrthogonalVectorsHasAClosedForm) {
  const float first = std::sin(std::acos(0.0f) * 0.75f), second = std::sin(std::acos(0.0f) * 0.25f);
  EXPECT_THAT(merged("nuslerp", three_to_one, with({}, {{0, 3, 0, 4, 0, 0}, {5, 0, 0, 0, 0, 0}})),
              Approximately({5 * second, 3 * first, 0, 4 * first, 0, 0}));
}

TEST(Multislerp, AveragesDirectionsAndLengths) {
  EXPECT_THAT(merged("multislerp", {{"weight", 1}}, with({}, {A, B, C})),
              Approximately({1.624756f, -2.42183f, 0.7504827f, 0.3983552f, 3.363433f, -1.052352f}));
  EXPECT_THAT(merged("multislerp", {{"weight", {1, 1, 2}}}, with(P, {A, B, C})),
              Approximately({2.410553f, -2.155613f, 0.6829488f, 0.9041893f, 2.56106f, -0.8567484f}));
}

TEST(Multislerp, GoesStraightWhereDirectionsCancelAndSaysSo) {
  const auto opposed = with({}, {P, times(-3, P)});
  const auto run = run_method("multislerp", {{"weight", 1}}, std::vector{opposed});
  EXPECT_THAT(run.tensors[0], ElementsAreArray(times(-1, P)));
  EXPECT_THAT(run.remarks, ElementsAre(HasSubstr("cancel")));
  const auto unchanged = run_method("multislerp", {{"weight", {1, 2}}}, std::vector{with(P, {P, P})});
  EXPECT_THAT(unchanged.tensors[0], ElementsAreArray(P));
  EXPECT_THAT(unchanged.remarks, IsEmpty());
}

TEST(Karcher, FindsTheMeanOnTheSphere) {
  EXPECT_THAT(merged("karcher", {}, with({}, {A, B, C})),
              Approximately({1.6282f, -2.422074f, 0.7501211f, 0.399693f, 3.361428f, -1.052624f}));
  EXPECT_THAT(merged("karcher", {}, with({}, {A, B})),
              Approximately({1.109934f, -2.839013f, 1.251505f, 0.4643586f, 4.009352f, -0.9551477f}));
}

TEST(Karcher, StaysAtTheFirstOfTwoOppositeModels) {
  EXPECT_THAT(merged("karcher", {}, with({}, {P, times(-1, P)})), Approximately(P));
  const auto almost = with({}, {{1, 0, 0, 0, 0, 0}, {-1, 1e-5f, 0, 0, 0, 0}});
  EXPECT_THAT(merged("karcher", {}, almost), Approximately(almost.models[0]));
}

TEST(Karcher, AModelWithoutDirectionShortensTheOthers) {
  EXPECT_THAT(merged("karcher", {}, with({}, {P, Floats(6), P})), Approximately(times(2.0f / 3.0f, P)));
  EXPECT_THAT(merged("karcher", {}, with({}, {Floats(6), times(1e-9f, P)})), ElementsAreArray(Floats(6)));
}

TEST(Karcher, WithoutStepsIsTheMeanOfDirections) {
  EXPECT_THAT(merged("karcher", {{"max_iter", 0}}, with({}, {A, B, C})),
              Approximately(merged("multislerp", {{"weight", 1}}, with({}, {A, B, C}))));
}

TEST(GeometricMedian, WeighsModelsByTheirDistance) {
  EXPECT_THAT(merged("geometric_median", {}, with({}, {A, B, C})),
              Approximately({1.213289f, -2.374301f, 0.9774527f, 0.4644845f, 3.2083f, -0.8411819f}));
}

TEST(GeometricMedian, StaysWithTheMajority) {
  const Floats out = merged("geometric_median", {}, with({}, {P, times(100, A), P}));
  for (std::size_t i = 0; i < P.size(); ++i) EXPECT_NEAR(out[i], P[i], 1e-4f);
}

TEST(GeometricMedian, WithoutStepsIsTheWeightedMean) {
  EXPECT_THAT(merged("geometric_median", {{"max_iter", 0}, {"weight", {1, 3}}}, with({}, {P, times(5, P)})),
              Approximately(times(4, P)));
}

std::vector<HandTensor<float>> whole_model() {
  return {with(P, {A, B, C}),
          {.name = "u", .shape = {}, .base = {1, 1}, .models = {{5, 0.875f}, {1.0625f, -2}, {1.125f, 1.0625f}}}};
}

const Floats metagpt_of_t{1.469512f, -2.521342f, 0.7179878f, 0.2179878f, 3.835366f, -1.167683f};

TEST(Metagpt, WeighsTaskVectorsByTheirSquaredLengths) {
  EXPECT_THAT(merged("metagpt", {}, with(P, {A, B, C})), Approximately(metagpt_of_t));
}

TEST(Metagpt, TakesLengthsOverTheWholeModelUnlessTold) {
  const auto whole = run_method("metagpt", {}, whole_model());
  EXPECT_THAT(whole.tensors[0], Approximately({1.300061f, -2.732566f, 0.9316471f, 0.2548151f, 4.149767f, -1.148052f}));
  EXPECT_THAT(merged("metagpt", {{"scope", "tensor"}}, with(P, {A, B, C})), Approximately(metagpt_of_t));
  const methods::MethodSpec& spec = *methods::find_method("metagpt");
  EXPECT_EQ(spec.scope(settings_of(spec, 3, {})), methods::GroupScope::model);
  EXPECT_EQ(spec.scope(settings_of(spec, 3, {{"scope", "tensor"}})), methods::GroupScope::tensor);
}

TEST(Metagpt, ScalesWhatItAddsToTheBase) {
  const Floats out = merged("metagpt", {{"lambda", 0.5}, {"lines", 4}}, with(P, {A, B, C}));
  for (std::size_t i = 0; i < P.size(); ++i) EXPECT_NEAR(out[i], P[i] + 2 * (metagpt_of_t[i] - P[i]), 1e-6f);
}

}  // namespace
}  // namespace stockpot::test
