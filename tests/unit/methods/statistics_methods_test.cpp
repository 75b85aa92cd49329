// Methods of this family that count or add up before they merge: sce, ramplus, consensus by ties, breadcrumbs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "support/error_of.hpp"
#include "support/random_tensor.hpp"
#include "support/reference_elementwise.hpp"
#include "support/same_bits.hpp"

namespace stockpot::test {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;
using Floats = std::vector<float>;

const Floats P{1, -2, 0.5f, 0, 3, -1};
const Floats A{1.5f, -3, 0.75f, 0, 5, -1.5f};
const Floats B{0.75f, -2.5f, 1.5f, 0.75f, 3, -0.5f};
const Floats C{2, -1.5f, 0, 0.25f, 2, -1};

HandTensor<float> with(Floats base, std::vector<Floats> models) {
  return {.name = "t", .shape = {2, 3}, .base = std::move(base), .models = std::move(models)};
}
auto near(const Floats& expected) { return Pointwise(FloatNear(1e-6f), expected); }

TEST(StatisticsMethods, WorkedExamplesOfSce) {
  const auto sce = [](const Parameters& parameters) { return merged("sce", parameters, with(P, {A, B, C})); };
  EXPECT_THAT(sce({}), near({1.657692f, -2.861789f, 0.9573171f, 0.4766667f, 5, -0.5f}));
  EXPECT_THAT(sce({{"select_topk", 0.5}}), near({1, -2.90099f, 0.8985149f, 0, 5, -1}));
  EXPECT_THAT(sce({{"weight_floor", 1e9}}), near({1.75f, -2.75f, 1.125f, 0.5f, 5, -0.5f}));
}

TEST(StatisticsMethods, WorkedExamplesOfBreadcrumbs) {
  const Parameters fifth{{"weight", 1}, {"density", 0.5}, {"gamma", 0.2}};
  EXPECT_THAT(merged("breadcrumbs", fifth, with(P, {A, B, C})), ElementsAre(2.5f, -3, 0, 0.75f, 3, -1));
  EXPECT_THAT(merged("breadcrumbs_ties", fifth, with(P, {A, B, C})), ElementsAre(2.5f, -3.5f, 0, 0.75f, 3, -0.5f));
  const Floats dA{0.5f, -1, 0.25f, 0, 2, -0.5f};
  EXPECT_THAT(merged("breadcrumbs", {{"weight", 1}, {"density", 0.5}, {"gamma", 0}}, with(Floats(6), {dA})),
              ElementsAre(0, -1, 0, 0, 2, -0.5f));
}

TEST(StatisticsMethods, WorkedExampleOfRamPlusOverTheWholeModel) {
  const Floats a{1.5f, -2, 0.5f, 0, 5, -1}, b{1, -2, 1.5f, 0.75f, 4, -1}, c{1, -2, 0.5f, 0.25f, 3, -0.5f};
  // Another tensor brings the counts to (1, 3), (2, 5), (1, 1).
  const HandTensor<float> u{.name = "u",
                            .shape = {},
                            .base = Floats(6),
                            .models = {{1, 1, 0, 0, 0, 0}, {0, 0, 1, 1, 1, 1}, {0, 0, 0, 0, 0, 0}}};
  const auto out = run_method("ramplus", {{"r", 0.5}, {"alpha", 2}}, std::vector{with(P, {a, b, c}), u}).tensors;
  EXPECT_THAT(out[0], near({1.583333f, -2, 1.7f, 0.5f, 4.5f, -0.25f}));
}

template <class T>
void compare_sce(const Parameters& p) {
  for (const std::size_t size : {0u, 1u, 2u, 65535u, 65536u, 65537u, 200'003u}) {
    const std::vector group{random_tensor<T>(size, 3, size)};
    expect_merged<T>("sce", p, group, {reference::sce(reference::Lookup(p), group[0], 5)}, 5);
  }
}

TEST(StatisticsMethods, SceAgreesWithPlainLoops) {
  for (const double part : {1.0, 0.0, 0.3, 0.9}) {
    compare_sce<float>({{"select_topk", part}});
    compare_sce<double>({{"select_topk", part}});
  }
  compare_sce<float>({{"select_topk", 0.5}, {"tie_break", "hash"}});
  compare_sce<float>({{"select_topk", 0.5}, {"weight_floor", 1e9}});
}

TEST(StatisticsMethods, SceSelectsNothingWhereModelsDoNotDiffer) {
  const auto tensor = random_tensor<float>(1000, 1, 1);
  EXPECT_EQ(merged("sce", {{"select_topk", 0.99}}, tensor), tensor.base);
  auto equal = random_tensor<float>(1000, 3, 1);
  equal.models[1] = equal.models[2] = equal.models[0];
  EXPECT_EQ(merged("sce", {{"select_topk", 0.99}}, equal), equal.base);
  for (float& value : equal.models[2]) value += 0.1f;
  EXPECT_NE(merged("sce", {{"select_topk", 0.99}}, equal), equal.base);
}

template <class T>
void compare_ramplus(const Parameters& p) {
  const std::vector group{random_tensor<T>(65537, 3, 1, "a"), random_tensor<T>(9, 3, 2, "b")};
  const reference::Lookup lookup(p);
  const T epsilon = static_cast<T>(lookup.number("epsilon", 1e-5));
  reference::Shares all;
  std::vector<std::vector<T>> of_tensors, of_model;
  for (const auto& tensor : group) {
    reference::Shares own;
    reference::add_shares(tensor, epsilon, own);
    reference::add_shares(tensor, epsilon, all);
    of_tensors.push_back(reference::ram(lookup, tensor, &own));
  }
  for (const auto& tensor : group) of_model.push_back(reference::ram(lookup, tensor, &all));
  expect_merged<T>("ramplus", p, group, of_model);
  for (std::size_t t = 0; t < group.size(); ++t) expect_merged<T>("ramplus_tl", p, {group[t]}, {of_tensors[t]});
}

TEST(StatisticsMethods, RamPlusAgreesWithPlainLoops) {
  for (const Parameters& p : {Parameters{}, Parameters{{"epsilon", 0.02}, {"r", 0.7}, {"alpha", 3}}}) {
    compare_ramplus<float>(p);
    compare_ramplus<double>(p);
  }
}

template <class T>
void compare_consensus_by_ties() {
  const std::vector group{random_tensor<T>(65537, 3, 1, "a"), random_tensor<T>(9, 3, 2, "b"),
                          random_tensor<T>(70'000, 3, 3, "c")};
  const Parameters p{{"inner", "ties"}, {"weight", {1, 2, 1}}, {"lambda", 0.7}};
  std::vector<T> base;
  std::vector<std::vector<T>> delta(3);
  for (const auto& tensor : group) {
    base.insert(base.end(), tensor.base.begin(), tensor.base.end());
    const auto own = reference::deltas(tensor);
    for (std::size_t m = 0; m < 3; ++m) delta[m].insert(delta[m].end(), own[m].begin(), own[m].end());
  }
  const auto all = reference::consensus(reference::Lookup(p), base, delta);
  std::vector<std::vector<T>> expected;
  auto at = all.begin();
  for (const auto& tensor : group) {
    expected.emplace_back(at, at + static_cast<std::ptrdiff_t>(tensor.elements()));
    at += static_cast<std::ptrdiff_t>(tensor.elements());
  }
  expect_merged<T>("consensus", p, group, expected);
}

TEST(StatisticsMethods, ConsensusByTiesAgreesWithPlainLoops) {
  compare_consensus_by_ties<float>();
  compare_consensus_by_ties<double>();
}

TEST(StatisticsMethods, WhatIsCountedOverTheWholeModelNeedsEveryModelInEveryTensor) {
  const auto group = std::vector{random_tensor<float>(10, 2, 1, "a"), random_tensor<float>(10, 1, 2, "b")};
  const Error of_ram = error_of([&] { run_method("ramplus", {}, group); });
  EXPECT_THAT(of_ram.what(), HasSubstr("tensor  b"));
  const Error of_consensus = error_of([&] { run_method("consensus", {{"inner", "ties"}}, group); });
  EXPECT_THAT(of_consensus.what(), HasSubstr("tensor  b"));
}

TEST(StatisticsMethods, TallyBoundsWhatEveryPassAsksFor) {
  const std::vector<std::pair<std::string, Parameters>> runs{
      {"sce", {}},
      {"sce", {{"select_topk", 0.3}, {"tie_break", "hash"}}},
      {"ramplus", {}},
      {"ramplus_tl", {}},
      {"consensus", {{"inner", "ties"}}},
      {"breadcrumbs", {{"weight", 1}, {"density", 0.3}, {"rescale", true}}},
      {"breadcrumbs_ties", {{"weight", 1}, {"density", 0.3}, {"scope", "row"}, {"zero_sign", "majority"}}},
      {"della", {{"weight", 1}, {"density", 0.3}, {"zero_sign", "majority"}}},
      {"della_linear", {{"weight", 1}, {"density", 0.3}, {"rescale_mode", "linf"}}},
  };
  for (const auto& [name, parameters] : runs) {
    const auto& method = *methods::find_method(name);
    const auto run = run_method(name, parameters, std::vector{random_tensor<float>(70'000, 3, 1)});
    const auto needs = method.needs(settings_of(method, 3, parameters), {.elements = 70'000, .models = 3});
    EXPECT_GE(run.passes.size() + 1, static_cast<std::size_t>(needs.passes)) << name;  // one is for ties that are cut
    for (const auto& pass : run.passes) {
      EXPECT_LE(pass.shape.counts, needs.tally.counts) << name;
      EXPECT_LE(pass.shape.sums, needs.tally.sums) << name;
      EXPECT_LE(pass.shape.maxima, needs.tally.maxima) << name;
    }
  }
}

}  // namespace
}  // namespace stockpot::test
