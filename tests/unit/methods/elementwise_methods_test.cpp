// Methods that look at one element at a time: magmax, median, nearswap, ram, consensus.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "support/error_of.hpp"
#include "support/random_tensor.hpp"
#include "support/reference_elementwise.hpp"
#include "support/same_bits.hpp"

namespace stockpot::test {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::FloatNear;
using ::testing::Pointwise;
using Floats = std::vector<float>;
constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr std::size_t sizes[] = {0, 1, 65535, 65536, 65537};

// The models and results of worked examples that an independent program computed.
const Floats P{1, -2, 0.5f, 0, 3, -1};
const Floats A{1.5f, -3, 0.75f, 0, 5, -1.5f};
const Floats B{0.75f, -2.5f, 1.5f, 0.75f, 3, -0.5f};
const Floats C{2, -1.5f, 0, 0.25f, 2, -1};

HandTensor<float> with(Floats base, std::vector<Floats> models) {
  return {.name = "t", .shape = {2, 3}, .base = std::move(base), .models = std::move(models)};
}
auto near(const Floats& expected) { return Pointwise(FloatNear(5e-7f), expected); }

TEST(ElementwiseMethods, WorkedExamplesOfNearSwap) {
  EXPECT_THAT(merged("nearswap", {{"t", 0.25}}, with(P, {A})), near({1.25f, -2.25f, 0.75f, 0, 3.25f, -1.25f}));
  EXPECT_THAT(merged("nearswap", {{"t", 0.5}}, with(P, {B})), near({0.75f, -2.5f, 1, 0.5f, 3, -0.5f}));
}

TEST(ElementwiseMethods, WorkedExamplesOfMagMax) {
  EXPECT_THAT(merged("magmax", {}, with(P, {A, B, C})), ElementsAre(2, -3, 1.5f, 0.75f, 5, -0.5f));
  EXPECT_THAT(merged("magmax", {{"elect", "sum"}}, with(P, {A, B, C})), ElementsAre(2, -3, 1.5f, 0.75f, 5, -1.5f));
}

TEST(ElementwiseMethods, WorkedExamplesOfConsensus) {
  const auto consensus = [](double min_models) {
    return merged("consensus", {{"mask_lambda", 0.5}, {"min_models", min_models}}, with(P, {A, B, C}));
  };
  EXPECT_THAT(consensus(2), ElementsAre(2.25f, -3, 0.5f, 0, 3, -1));
  EXPECT_THAT(consensus(1), ElementsAre(2.25f, -3, 1.25f, 1, 4, -1));
  EXPECT_EQ(consensus(0), merged("task_arithmetic", {{"weight", 1}}, with(P, {A, B, C})));
}

TEST(ElementwiseMethods, WorkedExamplesOfTheMedian) {
  EXPECT_THAT(merged("median", {}, with({}, {A, B, C})), ElementsAre(1.5f, -2.5f, 0.75f, 0.25f, 3, -1));
  EXPECT_THAT(merged("median", {}, with({}, {A, B})), ElementsAre(1.125f, -2.75f, 1.125f, 0.375f, 4, -1));
  EXPECT_THAT(merged("median", {}, with({}, {A})), ElementsAreArray(A));
}

TEST(ElementwiseMethods, WorkedExamplesOfRam) {
  const Floats a{1.5f, -2, 0.5f, 0, 5, -1}, b{1, -2, 1.5f, 0.75f, 4, -1}, c{1, -2, 0.5f, 0.25f, 3, -0.5f};
  EXPECT_THAT(merged("ram", {}, with(P, {a, b, c})), near({1.5f, -2, 1.5f, 0.5f, 4.5f, -0.5f}));
  EXPECT_THAT(merged("ramplus_tl", {}, with(P, {a, b, c})), near({1.51f, -2, 1.52f, 0.5f, 4.5f, -0.49f}));
  EXPECT_THAT(merged("ramplus_tl", {{"r", 0.5}, {"alpha", 2}}, with(P, {a, b, c})),
              near({1.75f, -2, 2.5f, 0.5f, 4.5f, -0.25f}));
}

template <class T>
void compare_with_reference() {
  for (const std::size_t size : sizes) {
    const std::vector three{random_tensor<T>(size, 3, size + 1)}, one{random_tensor<T>(size, 1, size + 2)};
    const auto compare = [&](const char* method, const Parameters& parameters, const auto& in, const auto& expected) {
      expect_merged<T>(method, parameters, in, {expected});
    };
    for (const char* elect : {"none", "sum"}) {
      const Parameters p{{"elect", elect}, {"lambda", 0.7}};
      compare("magmax", p, three, reference::magmax(reference::Lookup(p), three[0]));
    }
    for (const double t : {0.0, 1e-7, 0.02}) {
      const Parameters p{{"t", t}};
      compare("nearswap", p, one, reference::nearswap(reference::Lookup(p), one[0]));
    }
    for (const double epsilon : {0.0, 0.02}) {
      const Parameters p{{"epsilon", epsilon}};
      compare("ram", p, three, reference::ram(reference::Lookup(p), three[0], nullptr));
    }
    for (const double min_models : {0.0, 1.0, 3.0}) {
      const Parameters p{{"weight", {0.7, -0.2, 1}}, {"min_models", min_models}, {"lambda", 0.3}};
      const auto expected = reference::consensus(reference::Lookup(p), three[0].base, reference::deltas(three[0]));
      compare("consensus", p, three, expected);
    }
  }
}

TEST(ElementwiseMethods, AgreeWithPlainLoopsInFloat) { compare_with_reference<float>(); }
TEST(ElementwiseMethods, AgreeWithPlainLoopsInDouble) { compare_with_reference<double>(); }

TEST(ElementwiseMethods, TheMedianAgreesWithSortingForManyNumbersOfModels) {
  for (std::size_t models = 1; models <= 40; ++models) {
    auto tensor = random_tensor<float>(models < 8 ? 65537 : 200, models, models);
    tensor.base.clear();
    expect_merged<float>("median", {}, {tensor}, {reference::median(tensor)});
  }
  auto tensor = random_tensor<double>(65537, 5, 3);
  tensor.base.clear();
  expect_merged<double>("median", {}, {tensor}, {reference::median(tensor)});
}

TEST(ElementwiseMethods, ANaNReachesTheResult) {
  const HandTensor<float> tensor{.name = "t", .shape = {}, .base = {1, 1}, .models = {{nan, 2}, {3, 2}, {4, 4}}};
  const auto expect_nan = [](const Floats& out, const char* method) {
    EXPECT_TRUE(std::isnan(out[0])) << method;
    EXPECT_FALSE(std::isnan(out[1])) << method;
  };
  for (const char* method : {"magmax", "ram", "ramplus", "ramplus_tl", "consensus"}) {
    expect_nan(merged(method, {}, tensor), method);
  }
  EXPECT_TRUE(std::isnan(merged("sce", {}, tensor)[0]));
  expect_nan(merged("magmax", {{"elect", "sum"}}, tensor), "magmax");
  expect_nan(merged("nearswap", {{"t", 0.1}}, HandTensor<float>{"t", {}, {1, 1}, {{nan, 2}}}), "nearswap");
}

TEST(ElementwiseMethods, ModelsEqualToTheBaseGiveTheBase) {
  auto tensor = random_tensor<float>(70'001, 3, 1);
  tensor.models.assign(3, tensor.base);
  for (const char* method : {"magmax", "ram", "ramplus", "ramplus_tl", "consensus", "sce"}) {
    EXPECT_EQ(merged(method, {}, tensor), tensor.base) << method;
  }
  tensor.models.resize(1);
  EXPECT_EQ(merged("nearswap", {{"t", 0.1}}, tensor), tensor.base);
}

TEST(ElementwiseMethods, ScalingTheChangesByAPowerOfTwoScalesTheResult) {
  auto tensor = random_tensor<float>(70'001, 3, 4);
  for (auto& model : tensor.models) {
    for (std::size_t i = 0; i < model.size(); ++i) model[i] -= tensor.base[i];
  }
  tensor.base.assign(tensor.base.size(), 0.0f);
  auto small = tensor;
  for (auto& model : small.models) {
    for (float& value : model) value *= 0x1p-9f;
  }
  for (const Parameters& p : {Parameters{}, Parameters{{"lambda", 0.3}}}) {
    for (const char* method : {"magmax", "consensus"}) {
      Floats scaled = merged(method, p, tensor);
      for (float& value : scaled) value *= 0x1p-9f;
      EXPECT_EQ(merged(method, p, small), scaled) << method;
    }
  }
}

TEST(ElementwiseMethods, TheLayerFactorScalesWhatIsAddedToTheBase) {
  const HandTensor<float> tensor{.name = "t", .shape = {}, .base = {0}, .models = {{1}, {1}}};
  const Parameters quarter{{"lines", 0.25}};
  const Parameters both{{"lines", 0.25}, {"lambda", 0.5}};
  for (const char* method : {"magmax", "ram", "ramplus", "ramplus_tl", "sce"}) {
    EXPECT_THAT(merged(method, quarter, tensor), ElementsAre(0.25f)) << method;
  }
  EXPECT_THAT(merged("consensus", quarter, tensor), ElementsAre(0.5f));
  EXPECT_THAT(merged("magmax", both, tensor), ElementsAre(0.125f));
  EXPECT_THAT(merged("consensus", both, tensor), ElementsAre(0.25f));
}

TEST(ElementwiseMethods, NoMoreModelsCanHaveAUseForAnElementThanThereAre) {
  const auto& spec = *methods::find_method("consensus");
  EXPECT_EQ(spec.check(settings_of(spec, 2, {{"min_models", 2}})).size(), 0u);
  const Error error = error_of([&] { spec.check(settings_of(spec, 1, {{"min_models", 2}})); });
  EXPECT_EQ(error.class_code(), "CFG052");
  EXPECT_THAT(error.what(), ::testing::HasSubstr("'min_models' = 2: must be in [0, 1]"));
}

}  // namespace
}  // namespace stockpot::test
