#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "methods/method.hpp"
#include "support/error_of.hpp"
#include "support/instruction_sets.hpp"
#include "support/random_tensor.hpp"
#include "support/run_method.hpp"

namespace stockpot::test {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;
using ::testing::SizeIs;
using Floats = std::vector<float>;
using Sizes = std::vector<std::size_t>;

const Floats P{1, -2, 0.5f, 0, 3, -1};
const Floats A{1.5f, -3, 0.75f, 0, 5, -1.5f};
const Floats B{0.75f, -2.5f, 1.5f, 0.75f, 3, -0.5f};
const Floats C{2, -1.5f, 0, 0.25f, 2, -1};

HandTensor<float> vectors(Floats base, std::vector<Floats> models) {
  return {.name = "t", .shape = {}, .base = std::move(base), .models = std::move(models)};
}

TEST(Pcb, WorkedExample) {
  const auto out = merged("pcb", {{"scope", "tensor"}, {"ratio", 0.5}, {"clip", 1e-4}}, vectors(P, {A, B, C}));
  EXPECT_THAT(out, Pointwise(FloatNear(5e-7f), Floats{2, -3, 1.25f, 0.7414782f, 4, -1}));
}

// The method a second time: straight loops and sorting, over the elements of a group laid end to end.

struct Rules {
  double ratio = 0.1, clip = 1e-4, lambda = 1;
  std::vector<double> weights;
};

using Doubles = std::vector<double>;

/// Holds values between two of them, by their place among the sorted ones.
Doubles held(Doubles values, double low, double high) {
  Doubles sorted = values;
  std::ranges::sort(sorted);
  const double d = static_cast<double>(values.size());
  const auto at = [&](double place) { return sorted.at(static_cast<std::size_t>(std::max(0.0, place))); };
  const double least = at(std::min(d * low, d - 1)), most = at(d * (1 - high) - 1);
  for (double& value : values) value = std::min(std::max(value, least), most);
  return values;
}

Doubles to_unit(Doubles values) {
  const auto [least, most] = std::ranges::minmax(values);
  for (double& value : values) value = most == least ? 0.0 : (value - least) / (most - least);
  return values;
}

/// What is added to the base.
template <class T>
Doubles competed(const std::vector<std::vector<T>>& deltas, const Rules& rules) {
  const std::size_t n = deltas[0].size();
  Doubles sum(n), tau(n), mass(n);
  for (const auto& delta : deltas) {
    for (std::size_t i = 0; i < n; ++i) sum[i] += delta[i];
  }
  for (std::size_t m = 0; m < deltas.size(); ++m) {
    Doubles magnitudes, scores(n);
    for (const T value : deltas[m]) magnitudes.push_back(std::abs(value));
    magnitudes = held(magnitudes, rules.clip, rules.clip);
    const Doubles unit = to_unit(magnitudes);
    const double models = static_cast<double>(deltas.size());
    for (std::size_t i = 0; i < n; ++i) {
      scores[i] = static_cast<float>(std::exp(models * unit[i] * unit[i]) * std::tanh(deltas[m][i] * sum[i]));
    }
    const Doubles shares = to_unit(held(scores, 1 - rules.ratio, 0));
    for (std::size_t i = 0; i < n; ++i) {
      const double sign = deltas[m][i] > 0 ? 1 : deltas[m][i] < 0 ? -1 : 0;
      tau[i] += static_cast<double>(static_cast<T>(rules.weights[m])) * sign * magnitudes[i] * shares[i];
      mass[i] += shares[i];
    }
  }
  for (std::size_t i = 0; i < n; ++i) tau[i] *= rules.lambda / std::max(mass[i], 1e-12);
  return tau;
}

template <class T>
void expect_like_sorting(const std::vector<HandTensor<T>>& group, const Rules& rules, bool whole_model) {
  Parameters parameters{{"ratio", rules.ratio}, {"clip", rules.clip}, {"lambda", rules.lambda}, {"weight", 1}};
  parameters.back().second.numbers = rules.weights;
  if (!whole_model) parameters.emplace_back("scope", "tensor");
  std::vector<std::vector<T>> deltas(rules.weights.size());
  for (const auto& tensor : group) {
    for (std::size_t m = 0; m < deltas.size(); ++m) {
      for (std::size_t i = 0; i < tensor.elements(); ++i) deltas[m].push_back(tensor.models[m][i] - tensor.base[i]);
    }
  }
  const Doubles expected = competed(deltas, rules);
  const auto out = run_method("pcb", parameters, group, {.shuffle = 4}).tensors;
  std::size_t at = 0;
  for (std::size_t t = 0; t < group.size(); ++t) {
    for (std::size_t i = 0; i < out[t].size(); ++i, ++at) {
      ASSERT_NEAR(out[t][i], static_cast<double>(group[t].base[i]) + expected[at], 1e-6) << t << " " << i;
    }
  }
}

TEST(Pcb, EqualsSortingForOneTensorOfAnySize) {
  const Rules rules{.ratio = 0.3, .clip = 0.01, .weights = {1, 1, 1}};
  for (const std::size_t n : Sizes{1, 2, 3, 4, 5, 10, 101, 2047, 2049, 65'535, 65'536, 65'537, 150'000}) {
    SCOPED_TRACE(n);
    expect_like_sorting(std::vector{random_tensor<float>(n, 3, n)}, rules, false);
    expect_like_sorting(std::vector{random_tensor<double>(n, 3, n)}, rules, false);
  }
}

TEST(Pcb, EqualsSortingForAnyParameters) {
  const std::vector two{random_tensor<float>(5000, 2, 1)};
  for (const double ratio : {1e-20, 0.001, 0.1, 0.5, 1.0}) {
    for (const double clip : {0.0, 1e-4, 0.3, 0.4999}) {
      SCOPED_TRACE(std::to_string(ratio) + " " + std::to_string(clip));
      expect_like_sorting(two, {.ratio = ratio, .clip = clip, .lambda = 0.7, .weights = {0.3, -2}}, false);
    }
  }
}

TEST(Pcb, EqualsSortingForFewElementsWhereTheUpperBoundIsBelowTheLower) {
  for (const std::size_t n : Sizes{1, 2, 3, 4, 5, 6, 7}) {
    for (const double clip : {0.0, 0.2, 0.4, 0.49}) {
      SCOPED_TRACE(std::to_string(n) + " " + std::to_string(clip));
      expect_like_sorting(std::vector{random_tensor<float>(n, 2, n)}, {.ratio = 0.6, .clip = clip, .weights = {1, 1}},
                          false);
    }
  }
}

TEST(Pcb, EqualsSortingForOneModelAndForMany) {
  for (const std::size_t models : Sizes{1, 2, 5, 12}) {
    SCOPED_TRACE(models);
    expect_like_sorting(std::vector{random_tensor<float>(3000, models, models)}, {.weights = Doubles(models, 1.0)},
                        false);
  }
}

TEST(Pcb, ScoresOfVeryManyModelsDoNotOverflow) {
  const auto tensor = random_tensor<float>(300, 100, 8);
  for (const float value : merged("pcb", {{"scope", "tensor"}}, tensor)) EXPECT_TRUE(std::isfinite(value));
}

TEST(Pcb, ComparesTheElementsOfTheWholeModelUnlessToldOtherwise) {
  const std::vector group{random_tensor<float>(70'000, 3, 1, "b"), random_tensor<float>(1, 3, 2, "c"),
                          random_tensor<float>(3000, 3, 3, "a")};
  expect_like_sorting(group, {.weights = {1, 0.5, 2}}, true);
  const methods::MethodSpec& spec = *methods::find_method("pcb");
  EXPECT_EQ(spec.scope(settings_of(spec, 3, {})), methods::GroupScope::model);
  EXPECT_EQ(spec.scope(settings_of(spec, 3, {{"scope", "tensor"}})), methods::GroupScope::tensor);
}

TEST(Pcb, WeightAndScaleMayDifferBetweenTheTensorsOfAGroupButNotTheRest) {
  const std::set<std::string_view> free{"weight", "lambda", "lines"};
  for (const auto& parameter : methods::find_method("pcb")->parameters) {
    EXPECT_EQ(parameter.same_in_group, !free.contains(parameter.name)) << parameter.name;
  }
}

TEST(Pcb, ModelsEqualToTheBaseGiveTheBase) {
  auto tensor = random_tensor<float>(70'000, 3, 5);
  tensor.models.assign(3, tensor.base);
  EXPECT_EQ(merged("pcb", {}, tensor), tensor.base);
}

TEST(Pcb, EqualModelsKeepTheirLargestChangesAndNothingElse) {
  const Floats model{1, -2, 3, -4, 5, 0, 0, 0, 0, 0};
  const auto out = merged("pcb", {{"ratio", 0.4}}, vectors(Floats(10), {model, model}));
  // The largest magnitude is cut even where clip is less than one element; the fourth largest score is the lower bound.
  EXPECT_THAT(out, ElementsAre(0, 0, 3, -4, 4, 0, 0, 0, 0, 0));
}

TEST(Pcb, TakesFourPassesOverFloatsAndSixOverDoublesAndTwoOverFew) {
  EXPECT_THAT(run_method("pcb", {}, std::vector{random_tensor<float>(70'000, 2, 1)}).passes, SizeIs(4));
  EXPECT_THAT(run_method("pcb", {}, std::vector{random_tensor<double>(70'000, 2, 1)}).passes, SizeIs(6));
  EXPECT_THAT(run_method("pcb", {}, std::vector{random_tensor<double>(100, 2, 1)}).passes, SizeIs(2));
}

TEST(Pcb, AsksForNoMoreThanItSaid) {
  const methods::MethodSpec& spec = *methods::find_method("pcb");
  const auto run = run_method("pcb", {}, std::vector{random_tensor<float>(70'000, 3, 1)});
  const auto needs = spec.needs(settings_of(spec, 3, {}), {.elements = 70'000, .models = 3});
  for (const auto& pass : run.passes) EXPECT_LE(pass.shape.counts, needs.tally.counts);
}

TEST(Pcb, NeitherTileOrderNorWidthOfKeysNorInstructionSetChangesABit) {
  const std::vector group{random_tensor<float>(150'000, 3, 7)};
  const auto expected = run_method("pcb", {}, group).tensors;
  EXPECT_EQ(run_method("pcb", {}, group, {.blocks_per_tile = 2, .shuffle = 1}).tensors, expected);
  EXPECT_EQ(run_method("pcb", {}, group, {.wide = true}).tensors, expected);
  for (const InstructionSet set : available_instruction_sets()) {
    const WithInstructionSet use(set);
    EXPECT_EQ(run_method("pcb", {}, group).tensors, expected) << name(set);
  }
}

TEST(Pcb, NaNReachesTheResult) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(std::isnan(merged("pcb", {}, vectors({0, 0, 0}, {{nan, 1, 2}, {1, 2, 3}}))[0]));
}

TEST(Pcb, AWholeModelNeedsEveryModelInEveryTensor) {
  const std::vector group{random_tensor<float>(10, 2, 1, "a"), random_tensor<float>(10, 1, 2, "b")};
  EXPECT_THAT(error_of([&] { run_method("pcb", {}, group); }).what(), HasSubstr("tensor  b"));
}

}  // namespace
}  // namespace stockpot::test
