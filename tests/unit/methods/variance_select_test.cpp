// What sce selects by: bounds that decide without the variance, and the whole against sorting.
#include "methods/kernels/variance_select.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "support/random_tensor.hpp"
#include "support/reference_elementwise.hpp"
#include "support/same_bits.hpp"

namespace stockpot::test {
namespace {

using methods::FewModels;
using methods::OpenSpreads;
using methods::sub_tile_elements;
using Floats = std::vector<float>;

constexpr float infinity = std::numeric_limits<float>::infinity();

/// The elements of a sub-tile as each of `models` models has them, over a base of zeros.
struct Samples {
  std::vector<Floats> models;
  Floats base = Floats(sub_tile_elements, 0.0f);

  explicit Samples(std::size_t count) : models(count, Floats(sub_tile_elements, 0.0f)) {}

  template <std::size_t count>
  FewModels<float, count> few() const {
    FewModels<float, count> all{.model = {}, .base = base.data()};
    for (std::size_t m = 0; m < count; ++m) all.model[m] = models[m].data();
    return all;
  }

  Floats variances() const {
    Floats joined, out(sub_tile_elements);
    for (const Floats& model : models) joined.insert(joined.end(), model.begin(), model.end());
    methods::write_variances(
        methods::Entries<float>{joined.data(), models.size(), sub_tile_elements, sub_tile_elements}, out.data());
    return out;
  }

  template <std::size_t count>
  bool is_wild() const {
    std::array<std::uint32_t, sub_tile_elements> spreads{};
    std::uint32_t wild = 0;
    dispatch(methods::write_spreads, few<count>(), sub_tile_elements, spreads.data(), &wild);
    return wild != 0;
  }

  /// The spread of every element is one that a range of its own variance alone leaves open. Not asked where it is wild.
  template <std::size_t count>
  void expect_open() const {
    std::array<std::uint32_t, sub_tile_elements> spreads{};
    std::uint32_t wild = 0;
    dispatch(methods::write_spreads, few<count>(), sub_tile_elements, spreads.data(), &wild);
    const Floats variance = variances();
    for (std::size_t i = 0; i < sub_tile_elements; ++i) {
      if (variance[i] != 0.0f && variance[i] < 0x1p-90f) continue;
      const auto key = methods::magnitude_key<std::uint32_t>(variance[i]);
      const OpenSpreads open({key, key}, count);
      EXPECT_TRUE(open.low <= spreads[i] && spreads[i] <= open.high) << i << ": " << variance[i];
    }
  }
};

/// Values that are hard on the last bits: of all sizes, close to one another beside their size, equal but for one.
float hard_value(std::mt19937_64& random, std::size_t element, float other) {
  const float unit = static_cast<float>(random() >> 40) * 0x1p-23f - 1.0f;
  switch (element % 5) {
    case 0:
      return unit;
    case 1:
      return std::ldexp(unit, static_cast<int>(random() % 80) - 40);
    case 2:
      return 1.0f + unit * 0x1p-20f;
    case 3:
      return random() % 3 == 0 ? other : std::nextafter(other, infinity);
    default:
      return random() % 2 == 0 ? other : other + unit;
  }
}

template <std::size_t count>
void expect_bounds_hold() {
  std::mt19937_64 random(count);
  for (int round = 0; round < 50; ++round) {
    Samples samples(count);
    for (std::size_t i = 0; i < sub_tile_elements; ++i) {
      const float first = hard_value(random, random() % 3, 0.0f);
      for (Floats& model : samples.models) model[i] = hard_value(random, i, first);
    }
    samples.expect_open<count>();
  }
}

TEST(VarianceSpread, LeavesOpenWhatIsAtTheBound) {
  for (const auto set : available_instruction_sets()) {
    const WithInstructionSet chosen(set);
    expect_bounds_hold<2>();
    expect_bounds_hold<3>();
    expect_bounds_hold<4>();
  }
}

TEST(VarianceSpread, SaysWhereItDoesNotHold) {
  Samples samples(3);
  EXPECT_FALSE(samples.is_wild<3>()) << "equal models have no variance";
  for (const float wild : {NAN, infinity, -infinity, 1e-30f, 1e-45f, 1e25f, std::numeric_limits<float>::max()}) {
    for (const std::size_t at : {std::size_t{0}, std::size_t{777}, sub_tile_elements - 1}) {
      samples.models[1][at] = wild;
      EXPECT_TRUE(samples.is_wild<3>()) << wild << " at " << at;
      samples.models[1][at] = 0.5f;
      EXPECT_FALSE(samples.is_wild<3>());
      for (Floats& model : samples.models) model[at] = wild;
      EXPECT_EQ(samples.is_wild<3>(), !std::isfinite(wild)) << wild << ", of all models";
      for (Floats& model : samples.models) model[at] = 0.0f;
    }
  }
}

TEST(VarianceSpread, OpenBoundsOfExtremes) {
  const OpenSpreads all({}, 3);
  EXPECT_EQ(all.low, 0u);
  EXPECT_EQ(all.high, methods::magnitude_key<std::uint32_t>(std::numeric_limits<float>::max()));
  const OpenSpreads largest({methods::magnitude_key<std::uint32_t>(std::numeric_limits<float>::max()), 0x7FFFFFFF}, 4);
  EXPECT_EQ(largest.low, all.high);
  EXPECT_EQ(largest.high, all.high);
}

constexpr std::size_t long_enough_to_sample = 17 * 65'536 + 4'099;

void expect_sce(const HandTensor<float>& tensor, const Parameters& p) {
  expect_merged<float>("sce", p, {tensor}, {reference::sce(reference::Lookup(p), tensor, 5)}, 5);
}

class SceOfLongTensors : public ::testing::TestWithParam<std::size_t> {};

TEST_P(SceOfLongTensors, AgreesWithSorting) {
  const auto tensor = random_tensor<float>(long_enough_to_sample, GetParam(), 11);  // nearly all of it in ties
  expect_sce(tensor, {{"select_topk", 0.2}});
}
INSTANTIATE_TEST_SUITE_P(Models, SceOfLongTensors, ::testing::Values(2, 3, 4, 5));

TEST(SceOfLongTensors, WhereTheSampleMisleadsAndSomeElementsAreWild) {
  auto tensor = random_tensor<float>(long_enough_to_sample, 3, 12);
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < tensor.elements(); ++i) {
    const bool is_late = i > tensor.elements() / 2;
    for (auto& model : tensor.models) {
      if (!is_late) model[i] = tensor.base[i] + static_cast<float>(random() >> 40) * 0x1p-30f;
      if (i % 9'973 == 0) model[i] = std::ldexp(static_cast<float>(random() >> 40), i % 2 == 0 ? -130 : 60);
    }
    if (i % 9'973 == 0) tensor.base[i] = 0.0f;
  }
  expect_sce(tensor, {{"select_topk", 0.6}});
  expect_sce(tensor, {{"select_topk", 0.6}, {"tie_break", "hash"}});
}

TEST(SceOfLongTensors, WhereHardlyAnythingDiffers) {
  auto tensor = random_tensor<float>(long_enough_to_sample, 3, 13);
  for (std::size_t i = 0; i < tensor.elements(); ++i) {
    if (i % 4'001 == 0) continue;
    for (auto& model : tensor.models) model[i] = tensor.models[0][i];
  }
  expect_sce(tensor, {{"select_topk", 0.9}});
  expect_sce(tensor, {{"select_topk", 0.001}});
}

}  // namespace
}  // namespace stockpot::test
