// Every method and option against plain whole-tensor loops (support/reference_merge.hpp), for sizes around the block,
// in float and double, on every instruction set, in any order of tiles: the same bits.
#include <gtest/gtest.h>

#include <cmath>
#include <type_traits>

#include "support/instruction_sets.hpp"
#include "support/random_tensor.hpp"
#include "support/reference_merge.hpp"
#include "support/run_method.hpp"

namespace stockpot::test {
namespace {

struct Case {
  std::string method;
  Parameters parameters;
  std::size_t models = 3;
  /// float64 results rest on libm in the reference and on our own trigonometry in the method.
  bool trigonometric = false;
};

std::string text(const Case& test) {
  std::string name = test.method;
  for (const auto& [key, value] : test.parameters) {
    name += " " + key + "=" + value.choice;
    for (const double number : value.numbers) name += std::to_string(number) + ",";
  }
  return name;
}

const std::vector<Case>& cases() {
  static const Parameters family{{"weight", {0.7, -0.4, 1.1}}};
  const auto plus = [](Parameters more) {
    more.insert(more.end(), family.begin(), family.end());
    return more;
  };
  static const std::vector<Case> all{
      {"linear", {{"weight", {0.5, 0.3, 0.1}}}},
      {"linear", {{"weight", {0.5, -0.3, 0.1}}, {"normalize", false}}},
      {"uniform_soup", {}, 7},
      {"passthrough", {{"scale", {0.3}}}, 1},
      {"slerp", {{"t", 0.3}}, 1, true},
      {"slerp", {{"t", 1.7}, {"extrapolate", true}}, 1, true},
      {"slerp", {{"t", 0.4}, {"dot_threshold", 0.5}}, 1},
      {"task_arithmetic", plus({{"lambda", 0.3}})},
      {"task_arithmetic", plus({{"normalize", true}})},
      {"ties", plus({{"density", 0.4}})},
      {"ties", plus({{"density", {0.2, 1, 0.7}}, {"normalize", false}, {"lambda", 1.5}})},
      {"ties", plus({{"density", {0, 0.9, 1e-9}}, {"sign_consensus", "count"}})},
      {"ties", plus({{"density", 0.3}, {"trim_rule", "at_least"}})},
      {"ties", plus({{"density", 0.3}, {"zero_sign", "majority"}, {"sign_consensus", "count"}})},
      {"ties", plus({{"density", {0.3, 1, 0.6}}, {"rescale", true}})},
      {"ties", plus({{"density", 0.3}, {"rescale", true}, {"rescale_mode", "l2"}, {"zero_sign", "majority"}})},
      {"ties", plus({{"density", 0.3}, {"rescale", true}, {"rescale_mode", "inv_density"}})},
      {"dare_linear", plus({{"density", 0.4}})},
      {"dare_linear", plus({{"density", {0, 1, 1e-12}}, {"normalize", true}})},
      {"dare_linear", plus({{"density", 0.4}, {"rescale_mode", "l2"}})},
      {"dare_linear", plus({{"density", {0.4, 1, 0}}, {"rescale_mode", "linf"}})},
      {"dare_linear", plus({{"density", {0.4, 1, 0}}, {"rescale_mode", "inv_density"}})},
      {"dare_linear", plus({{"density", 0.4}, {"rescale_mode", "none"}})},
      {"dare_ties", plus({{"density", 0.4}})},
      {"dare_ties", plus({{"density", 0.8}, {"rescale", false}, {"normalize", true}, {"sign_consensus", "count"}})},
      {"dare_ties", plus({{"density", 0.8}, {"zero_sign", "majority"}, {"rescale_mode", "none"}})},
      {"model_stock", {}},
      {"model_stock", {{"angle_mean", "angle"}, {"cos_eps", 0}}, 3, true},
      {"model_stock", {{"t_clamp", "unit"}}, 2},
  };
  return all;
}

template <class T>
auto bits(T value) {
  return std::bit_cast<std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>(value);
}

/// Index of the first element whose bits differ, or nothing.
template <class T>
std::optional<std::size_t> first_difference(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return std::min(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (bits(a[i]) != bits(b[i])) return i;
  }
  return std::nullopt;
}

template <class T>
void expect_same(const std::vector<T>& got, const std::vector<T>& expected, const Case& test, bool exactly) {
  if (exactly) {
    const auto at = first_difference(got, expected);
    EXPECT_FALSE(at) << text(test) << " element " << *at << " of " << got.size() << ": " << got[*at] << " for "
                     << expected[*at];
    return;
  }
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], expected[i], 1e-13) << text(test) << " element " << i;
}

class AgainstReference : public ::testing::TestWithParam<std::size_t> {
 protected:
  const Case& test() const { return cases()[GetParam()]; }

  template <class T>
  void compare(std::size_t elements) {
    const std::vector group{random_tensor<T>(elements, test().models, elements + 17)};
    const auto expected = reference::merge(test().method, test().parameters, group, 5);
    std::vector<T> first;
    for (const auto set : available_instruction_sets()) {
      const WithInstructionSet chosen(set);
      const RunOptions options{.seed = 5, .blocks_per_tile = 2, .shuffle = static_cast<std::uint64_t>(set)};
      const auto got = merged(test().method, test().parameters, group[0], options);
      expect_same(got, expected, test(), sizeof(T) == 4 || !test().trigonometric);
      if (first.empty()) first = got;
      EXPECT_FALSE(first_difference(got, first)) << text(test()) << ": other bits on " << name(set);
    }
  }
};

TEST_P(AgainstReference, SameBitsInFloat) {
  for (const std::size_t elements : {0u, 1u, 2u, 65535u, 65536u, 65537u, 3 * 65536u + 5}) compare<float>(elements);
}

TEST_P(AgainstReference, SameBitsInDouble) {
  for (const std::size_t elements : {0u, 1u, 2u, 65537u}) compare<double>(elements);
}

INSTANTIATE_TEST_SUITE_P(Methods, AgainstReference, ::testing::Range<std::size_t>(0, cases().size()),
                         [](const auto& instance) {
                           return cases()[instance.param].method + "_" + std::to_string(instance.param);
                         });

TEST(AgainstReference, FilterWiseModelStockHasOneRatioPerRow) {
  for (const std::uint64_t row : {1u, 3u, 4096u, 70'001u}) {
    auto tensor = random_tensor<float>(row * 5, 3, row);
    tensor.shape = {5, row};
    const Case test{"model_stock", {{"filter_wise", true}}};
    const auto expected = reference::merge(test.method, test.parameters, std::vector{tensor});
    expect_same(merged(test.method, test.parameters, tensor, {.blocks_per_tile = 2, .shuffle = 9}), expected, test,
                true);
  }
}

class WholeModel : public ::testing::TestWithParam<const char*> {};

TEST_P(WholeModel, TiesHasOneThresholdForAllTensors) {
  const std::vector group{random_tensor<float>(100'000, 3, 1, "a"), random_tensor<float>(7, 3, 2, "b"),
                          random_tensor<float>(65'536 * 2 + 9, 3, 3, "c")};
  const Case test{"ties",
                  {{"weight", {1, 0.5, 2}},
                   {"density", {0.3, 0.31, 0.99}},
                   {"scope", "model"},
                   {"zero_sign", "majority"},
                   {"rescale", true},
                   {"trim_rule", GetParam()}}};
  const auto expected = reference::merge(test.method, test.parameters, group);
  for (const RunOptions& options :
       {RunOptions{}, RunOptions{.blocks_per_tile = 3, .shuffle = 4}, RunOptions{.wide = true}}) {
    std::vector<float> got;
    for (const auto& tensor : run_method(test.method, test.parameters, group, options).tensors) {
      got.insert(got.end(), tensor.begin(), tensor.end());
    }
    expect_same(got, expected, test, true);
  }
}

INSTANTIATE_TEST_SUITE_P(TrimRules, WholeModel, ::testing::Values("exact", "at_least"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace stockpot::test
