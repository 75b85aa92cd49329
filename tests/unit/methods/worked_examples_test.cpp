// Cases worked out from the formulas by an independent program, to seven digits. Base P, models A, B, C, D.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/run_method.hpp"

namespace stockpot::test {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;
using Floats = std::vector<float>;

const Floats P{1, -2, 0.5f, 0, 3, -1};
const Floats A{1.5f, -3, 0.75f, 0, 5, -1.5f};
const Floats B{0.75f, -2.5f, 1.5f, 0.75f, 3, -0.5f};
const Floats C{2, -1.5f, 0, 0.25f, 2, -1};
const Floats D{1.5f, -2.5f, 0.75f, 0.5f, 4, -1};
const Floats zero(6);

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

TEST(WorkedExamples, Linear) {
  EXPECT_THAT(merged("linear", {{"weight", {0.5, 0.3, 0.2}}}, with({}, {A, B, C})),
              Approximately({1.375f, -2.55f, 0.825f, 0.275f, 3.8f, -1.1f}));
  EXPECT_THAT(merged("linear", {{"weight", {1, 2}}, {"normalize", false}}, with({}, {A, B})),
              ElementsAre(3, -8, 3.75f, 1.5f, 11, -2.5f));
  EXPECT_THAT(merged("uniform_soup", {}, with({}, {A, B, C})),
              Approximately({1.416667f, -2.333333f, 0.75f, 0.3333333f, 3.333333f, -1}));
}

TEST(WorkedExamples, Slerp) {
  EXPECT_THAT(merged("slerp", {{"t", 0.25}}, with(A, {C})),
              Approximately({1.656935f, -2.669348f, 0.5706589f, 0.06445216f, 4.32001f, -1.399126f}));
  EXPECT_THAT(merged("slerp", {{"t", 0.25}}, with(P, {A})),
              Approximately({1.125297f, -2.250595f, 0.5626487f, 0, 3.500944f, -1.125297f}));
}

TEST(WorkedExamples, SlerpOfVectorsWithoutAnAngleBetweenThem) {
  EXPECT_THAT(merged("slerp", {{"t", 0.25}}, with(P, {times(2, P)})),
              ElementsAre(1.25f, -2.5f, 0.625f, 0, 3.75f, -1.25f));
  EXPECT_THAT(merged("slerp", {{"t", 0.5}}, with(zero, {P})),
              Approximately({0.7071068f, -1.414214f, 0.3535534f, 0, 2.12132f, -0.7071068f}));
  EXPECT_THAT(merged("slerp", {{"t", 0.25}}, with(times(-1, P), {P})), ElementsAre(-0.5f, 1, -0.25f, 0, -1.5f, 0.5f));
}

TEST(WorkedExamples, Passthrough) {
  EXPECT_THAT(merged("passthrough", {{"scale", {0.5}}}, with({}, {A})),
              ElementsAre(0.75f, -1.5f, 0.375f, 0, 2.5f, -0.75f));
}

TEST(WorkedExamples, TaskArithmetic) {
  EXPECT_THAT(merged("task_arithmetic", {{"weight", {1, 0.5, 0.25}}, {"lambda", 0.5}}, with(P, {A, B, C})),
              ElementsAre(1.3125f, -2.5625f, 0.8125f, 0.21875f, 3.875f, -1.125f));
  EXPECT_THAT(merged("task_arithmetic", {{"weight", {1, 0.5, 0.25}}, {"normalize", true}}, with(P, {A, B, C})),
              Approximately({1.357143f, -2.642857f, 0.8571429f, 0.25f, 4, -1.142857f}));
}

TEST(WorkedExamples, Ties) {
  EXPECT_THAT(merged("ties", {{"density", 0.5}, {"weight", 1}}, with(P, {A, B, C})),
              ElementsAre(1.75f, -2.75f, 1.5f, 0.75f, 5, -1));
  EXPECT_THAT(merged("ties", {{"density", 0.5}, {"weight", {1, 0.5, 2}}}, with(P, {A, B, C})),
              Approximately({1.833333f, -2.833333f, 1.5f, 0.75f, 5, -1}));
  EXPECT_THAT(merged("ties", {{"weight", 1}}, with(P, {A, B, C})), ElementsAre(1.75f, -2.75f, 1.125f, 0.5f, 5, -0.5f));
  EXPECT_THAT(merged("ties", {{"weight", -0.5}}, with(P, {A})), ::testing::ElementsAreArray(A));
}

TEST(WorkedExamples, TrimmedTaskVectorsOfTies) {
  const auto trimmed = [](const Floats& model) {
    return merged("ties", {{"density", 0.5}, {"weight", 1}}, with(zero, {model}));
  };
  EXPECT_THAT(trimmed({0.5f, -1, 0.25f, 0, 2, -0.5f}), ElementsAre(0.5f, -1, 0, 0, 2, 0));
  EXPECT_THAT(trimmed({-0.25f, -0.5f, 1, 0.75f, 0, 0.5f}), ElementsAre(0, -0.5f, 1, 0.75f, 0, 0));
  EXPECT_THAT(trimmed({1, 0.5f, -0.5f, 0.25f, -1, 0}), ElementsAre(1, 0.5f, 0, 0, -1, 0));
}

std::vector<HandTensor<float>> whole_model() {
  return {with(P, {A, B, C}),
          {.name = "u", .shape = {}, .base = {1, 1}, .models = {{5, 0.875f}, {1.0625f, -2}, {1.125f, 1.0625f}}}};
}

TEST(WorkedExamples, TiesOverTheWholeModel) {
  const auto out = run_method("ties", {{"density", 0.5}, {"weight", 1}, {"scope", "model"}, {"zero_sign", "majority"}},
                              whole_model());
  EXPECT_THAT(out.tensors[0], ElementsAre(1.75f, -2.75f, 1.5f, 0.75f, 5, -1));
  EXPECT_THAT(out.tensors[1], ElementsAre(5, -2));
}

TEST(WorkedExamples, TiesOverTheWholeModelByTheAuthorsThreshold) {
  const auto out = run_method(
      "ties",
      {{"density", 0.5}, {"weight", 1}, {"scope", "model"}, {"zero_sign", "majority"}, {"trim_rule", "at_least"}},
      whole_model());
  EXPECT_THAT(out.tensors[0], ElementsAre(1.75f, -2.75f, 1.5f, 0.5f, 5, -0.5f));
  EXPECT_THAT(out.tensors[1], ElementsAre(5, -2));
}

TEST(WorkedExamples, Dare) {
  const auto dare = [](const char* method, const char* mode) {
    return merged(method, {{"density", 0.5}, {"weight", 1}, {"rescale_mode", mode}}, with(P, {A, B, C}), {.seed = 42});
  };
  EXPECT_THAT(dare("dare_linear", "l1"), Approximately({1.772727f, -2.416667f, 0.8863636f, 0, 3.924242f, 0.5f}));
  EXPECT_THAT(dare("dare_linear", "inv_density"), ElementsAre(2, -2, 1, 0, 5, 0));
  EXPECT_THAT(dare("dare_ties", "l1"), Approximately({1.772727f, -3.5f, 0.8863636f, 0, 6.090909f, 0.5f}));
  EXPECT_THAT(dare("dare_ties", "inv_density"), ElementsAre(2, -1, 1, 0, 7, 0));
}

TEST(WorkedExamples, DroppedElementsOfDare) {
  const auto kept = [](std::size_t model) {
    std::vector<Floats> ones(3, zero);
    ones[model] = Floats(6, 1.0f);
    return merged("dare_linear", {{"density", 0.5}, {"weight", 1}, {"rescale", false}}, with(zero, ones), {.seed = 42});
  };
  EXPECT_THAT(kept(0), ElementsAre(1, 0, 1, 1, 1, 0));
  EXPECT_THAT(kept(1), ElementsAre(0, 1, 0, 0, 1, 1));
  EXPECT_THAT(kept(2), ElementsAre(0, 1, 0, 0, 1, 0));
}

TEST(WorkedExamples, ModelStock) {
  EXPECT_THAT(merged("model_stock", {}, with(P, {A, B})),
              Approximately({1.024587f, -2.147519f, 0.6229325f, 0.0737595f, 3.196692f, -1}));
  EXPECT_THAT(merged("model_stock", {}, with(P, {A, D})),
              Approximately({1.469711f, -2.704567f, 0.7348557f, 0.2348556f, 4.409133f, -1.234856f}));
  EXPECT_THAT(merged("model_stock", {{"filter_wise", true}}, with(P, {A, D})),
              Approximately({1.486023f, -2.729034f, 0.7430113f, 0.2322942f, 4.393765f, -1.232294f}));
  EXPECT_THAT(merged("model_stock", {}, with(P, {A, B, D})),
              Approximately({1.179484f, -2.478623f, 0.8589671f, 0.2991392f, 3.717934f, -1}));
}

}  // namespace
}  // namespace stockpot::test
