// What must hold for any input.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/random_tensor.hpp"
#include "support/run_method.hpp"

namespace stockpot::test {
namespace {

using Floats = std::vector<float>;
constexpr std::size_t size = 70'001;

HandTensor<float> offsets(const HandTensor<float>& tensor, float factor) {
  HandTensor<float> out = tensor;
  for (auto& model : out.models) {
    for (std::size_t i = 0; i < model.size(); ++i) model[i] = factor * (model[i] - tensor.base[i]);
  }
  out.base.assign(tensor.base.size(), 0.0f);
  return out;
}

TEST(Properties, ModelsEqualToTheBaseGiveTheBase) {
  auto tensor = random_tensor<float>(size, 3, 1);
  tensor.models.assign(3, tensor.base);
  const Parameters weight{{"weight", {1, -0.5, 2}}};
  EXPECT_EQ(merged("task_arithmetic", weight, tensor), tensor.base);
  EXPECT_EQ(merged("model_stock", {}, tensor), tensor.base);
  for (const char* method : {"ties", "dare_linear", "dare_ties"}) {
    EXPECT_EQ(merged(method, {{"weight", {1, -0.5, 2}}, {"density", 0.5}}, tensor), tensor.base) << method;
  }
}

TEST(Properties, PiecesOfATileChangeNothing) {
  const auto tensor = random_tensor<float>(size, 2, 9);
  const Parameters none, weighted{{"weight", {0.7, 0.4}}};
  Parameters trimmed = weighted;
  trimmed.emplace_back("density", 0.4);
  for (const auto& [method, parameters] : std::vector<std::pair<const char*, Parameters>>{{"linear", weighted},
                                                                                          {"nuslerp", weighted},
                                                                                          {"multislerp", weighted},
                                                                                          {"karcher", none},
                                                                                          {"task_arithmetic", weighted},
                                                                                          {"ties", trimmed},
                                                                                          {"dare_linear", trimmed},
                                                                                          {"breadcrumbs", trimmed},
                                                                                          {"sce", none},
                                                                                          {"ram", none},
                                                                                          {"ramplus_tl", none},
                                                                                          {"model_stock", none},
                                                                                          {"metagpt", none},
                                                                                          {"geometric_median", none},
                                                                                          {"median", none},
                                                                                          {"magmax", none},
                                                                                          {"consensus", none},
                                                                                          {"arcee_fusion", none},
                                                                                          {"pcb", none}}) {
    auto some = tensor;
    if (std::string_view(method) == "arcee_fusion") some.models.resize(1);
    EXPECT_EQ(merged(method, parameters, some, {.piece = 4096}), merged(method, parameters, some)) << method;
  }
}

TEST(Properties, OneModelOfWeightOneComesBackWithinAnUlp) {
  const auto tensor = random_tensor<float>(size, 1, 2);
  const Floats out = merged("task_arithmetic", {{"weight", 1}}, tensor);
  for (std::size_t i = 0; i < size; ++i) {
    const float scale = std::max(std::abs(tensor.base[i]), std::abs(tensor.models[0][i]));
    ASSERT_LE(std::abs(out[i] - tensor.models[0][i]), 0x1p-23f * scale) << i;
  }
  EXPECT_EQ(merged("linear", {{"weight", 1}}, tensor), tensor.models[0]);
}

TEST(Properties, SlerpEndsAtItsModels) {
  const auto tensor = random_tensor<float>(size, 1, 3);
  const auto within_an_ulp = [](const Floats& a, const Floats& b) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      ASSERT_LE(std::abs(a[i] - b[i]), 0x1p-23f * std::abs(b[i])) << i;
    }
  };
  within_an_ulp(merged("slerp", {{"t", 0}}, tensor), tensor.base);
  within_an_ulp(merged("slerp", {{"t", 1}}, tensor), tensor.models[0]);
}

TEST(Properties, ScalingTheChangesByAPowerOfTwoScalesTheResult) {
  const auto tensor = random_tensor<float>(size, 3, 4);
  const Parameters plain{{"weight", {0.7, 0.2, 1.1}}};
  const Parameters trimmed{{"weight", {0.7, 0.2, 1.1}}, {"density", 0.4}, {"rescale_mode", "inv_density"}};
  for (const auto& [method, parameters] :
       {std::pair{"task_arithmetic", plain}, {"ties", trimmed}, {"dare_ties", trimmed}}) {
    Floats scaled = merged(method, parameters, offsets(tensor, 1));
    for (float& value : scaled) value *= 0x1p-9f;
    EXPECT_EQ(merged(method, parameters, offsets(tensor, 0x1p-9f)), scaled) << method;
  }
}

TEST(Properties, DensityOneIsTheUntrimmedCombinationWithoutAnyPass) {
  const auto tensor = random_tensor<float>(size, 3, 5);
  const Value weight{0.7, 0.2, 1.1};
  const auto dare = run_method("dare_linear", {{"weight", weight}}, std::vector{tensor});
  EXPECT_EQ(dare.tensors[0], merged("task_arithmetic", {{"weight", weight}}, tensor));
  EXPECT_TRUE(dare.passes.empty());
  const auto ties = run_method("ties", {{"weight", weight}, {"rescale", true}}, std::vector{tensor});
  EXPECT_EQ(ties.tensors[0], merged("dare_ties", {{"weight", weight}, {"normalize", true}}, tensor));
  EXPECT_TRUE(ties.passes.empty());
}

TEST(Properties, TheOrderOfModelsChangesOnlyRounding) {
  const auto tensor = random_tensor<float>(size, 3, 6);
  auto permuted = tensor;
  std::ranges::rotate(permuted.models, permuted.models.begin() + 1);
  const auto expect_near = [&](const char* method, const Parameters& parameters, const Parameters& rotated) {
    const Floats a = merged(method, parameters, tensor), b = merged(method, rotated, permuted);
    for (std::size_t i = 0; i < size; ++i) ASSERT_NEAR(a[i], b[i], 1e-6f) << method << " " << i;
  };
  expect_near("linear", {{"weight", {0.5, 2, 1}}}, {{"weight", {2, 1, 0.5}}});
  expect_near("task_arithmetic", {{"weight", {0.5, 2, 1}}}, {{"weight", {2, 1, 0.5}}});
  // Powers of two as weights: cancellations are exact in every order, so that elections agree.
  expect_near("ties", {{"weight", {1, 2, 4}}, {"density", 0.2}}, {{"weight", {2, 4, 1}}, {"density", 0.2}});
  expect_near("model_stock", {}, {});
}

TEST(Properties, AMagnitudeTrimKeepsExactlyItsShareHoweverManyTies) {
  HandTensor<float> tensor{.name = "t", .shape = {}, .base = Floats(size), .models = {Floats(size, 0.25f)}};
  for (const double density : {1e-9, 0.29, 0.5, 0.999}) {
    const Floats out = merged("ties", {{"weight", 1}, {"density", density}}, tensor);
    const auto kept = static_cast<std::size_t>(std::ranges::count(out, 0.25f));
    EXPECT_EQ(kept, std::max<std::size_t>(1, static_cast<std::size_t>(density * static_cast<double>(size))));
    EXPECT_EQ(std::ranges::count(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(kept), 0.25f),
              std::ssize(out) - std::ranges::count(out, 0.0f));
  }
}

TEST(Properties, DroppedElementsOfAModelDoNotDependOnTheOthers) {
  const auto both = random_tensor<float>(size, 2, 7);
  auto alone = both;
  alone.models.resize(1);
  const Parameters one{{"weight", 1}, {"density", 0.5}};
  const Parameters two{{"weight", {1, 0}}, {"density", 0.5}};
  EXPECT_EQ(merged("dare_linear", one, alone, {.seed = 3}), merged("dare_linear", two, both, {.seed = 3}));
}

TEST(Properties, DropoutKeepsItsShareAndDependsOnSeedAndModel) {
  constexpr std::size_t n = 1'000'000;
  const HandTensor<float> ones{.name = "t", .shape = {}, .base = Floats(n), .models = {Floats(n, 1), Floats(n, 2)}};
  for (const double p : {0.001, 0.1, 0.5, 0.9, 0.999}) {
    const Floats out = merged("dare_linear", {{"weight", 1}, {"density", p}, {"rescale", false}}, ones, {.seed = 11});
    const double tolerance = 5 / std::sqrt(static_cast<double>(n));
    const auto rate = [&](auto predicate) { return static_cast<double>(std::ranges::count_if(out, predicate)) / n; };
    EXPECT_NEAR(rate([](float v) { return v == 1 || v == 3; }), p, tolerance * std::sqrt(p * (1 - p)));
    EXPECT_NEAR(rate([](float v) { return v >= 2; }), p, tolerance * std::sqrt(p * (1 - p)));
    EXPECT_NEAR(rate([](float v) { return v == 3; }), p * p, tolerance * std::sqrt(p * p * (1 - p * p)));
  }
}

TEST(Properties, RescalingRestoresTheNormOfTheTaskVector) {
  const auto tensor = offsets(random_tensor<float>(size, 1, 8), 1);
  const auto norms = [](const Floats& values) {
    double l1 = 0, l2 = 0, largest = 0;
    for (const float value : values) {
      l1 += std::abs(value);
      l2 += static_cast<double>(value) * value;
      largest = std::max<double>(largest, std::abs(value));
    }
    return std::array{l1, std::sqrt(l2), largest};
  };
  const auto before = norms(tensor.models[0]);
  const char* modes[] = {"l1", "l2", "linf"};
  for (std::size_t mode = 0; mode < 3; ++mode) {
    const auto after =
        norms(merged("dare_linear", {{"weight", 1}, {"density", 0.01}, {"rescale_mode", modes[mode]}}, tensor));
    EXPECT_NEAR(after[mode] / before[mode], 1.0, 1e-6) << modes[mode];
  }
}

TEST(Properties, AChangeTooSmallToMeasureIsNotRescaled) {
  const HandTensor<float> tensor{.name = "t", .shape = {}, .base = Floats(8), .models = {Floats(8, 1e-9f)}};
  const Floats out = merged("dare_linear", {{"weight", 1}, {"density", 0.5}}, tensor, {.seed = 42});
  for (const float value : out) EXPECT_TRUE(value == 0.0f || value == 1e-9f) << value;
}

TEST(Properties, LatePassesOfTiesLeaveMostTilesUnread) {
  const std::size_t n = 8 * block_elements;
  const HandTensor<float> tensor{.name = "t", .shape = {}, .base = Floats(n), .models = {Floats(n, 1)}};
  const auto passes = run_method("ties", {{"weight", 1}, {"density", 0.3}}, std::vector{tensor}).passes;
  ASSERT_EQ(passes.size(), 4u);
  EXPECT_EQ(passes[2].wanted, 8u);
  EXPECT_EQ(passes[3].wanted, 1u);
}

}  // namespace
}  // namespace stockpot::test
