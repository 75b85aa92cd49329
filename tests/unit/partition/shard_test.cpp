#include "partition/shard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace stockpot::partition {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<std::string> names_in(const Shard& shard, const std::vector<TensorInfo>& tensors) {
  std::vector<std::string> names;
  for (const auto& entry : shard.entries) names.push_back(tensors[entry.tensor].name);
  return names;
}

TEST(NaturalOrder, ComparesDigitRunsAsNumbers) {
  std::vector<std::string> names{"layers.10.w", "layers.2.w", "head", "layers.2.b", "layers.002.a", "layers"};
  std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) { return natural_less(a, b); });
  EXPECT_THAT(names, ElementsAre("head", "layers", "layers.002.a", "layers.2.b", "layers.2.w", "layers.10.w"));
}

TEST(NaturalOrder, TakesNumbersOfAnyLength) {
  EXPECT_TRUE(natural_less("x99999999999999999999999", "x100000000000000000000000"));
  EXPECT_FALSE(natural_less("x100000000000000000000000", "x99999999999999999999999"));
}

TEST(NaturalOrder, NeverCallsDifferentNamesEqual) {
  EXPECT_NE(natural_less("a01", "a1"), natural_less("a1", "a01"));
  EXPECT_FALSE(natural_less("a1", "a1"));
}

TEST(NaturalOrder, IsAStrictWeakOrder) {
  std::mt19937 random(3);
  const auto name = [&] {
    std::string text(random() % 5, ' ');
    for (char& c : text) c = "0019a."[random() % 6];
    return text;
  };
  for (int trial = 0; trial < 20'000; ++trial) {
    const std::string a = name(), b = name(), c = name();
    EXPECT_FALSE(natural_less(a, b) && natural_less(b, a)) << a << ' ' << b;
    EXPECT_TRUE(!(natural_less(a, b) && natural_less(b, c)) || natural_less(a, c)) << a << ' ' << b << ' ' << c;
    EXPECT_EQ(a != b, natural_less(a, b) || natural_less(b, a)) << a << ' ' << b;
  }
}

TEST(Shards, OneIsCalledByItsOwnName) {
  const std::vector<TensorInfo> tensors{{"w", DType::f32, {2}}};
  const auto shards = make_shards(tensors, 100);
  ASSERT_THAT(shards, SizeIs(1));
  EXPECT_EQ(shards[0].file_name, "model.safetensors");
  EXPECT_EQ(shards[0].data_bytes, 8u);
}

TEST(Shards, AnEmptyModelIsOneEmptyShard) {
  const auto shards = make_shards({}, 100);
  ASSERT_THAT(shards, SizeIs(1));
  EXPECT_THAT(shards[0].entries, IsEmpty());
}

TEST(Shards, FillInNaturalOrderAndNeverSplitATensor) {
  const std::vector<TensorInfo> tensors{
      {"l.10", DType::f32, {10}}, {"l.2", DType::f32, {10}}, {"l.3", DType::f32, {30}}, {"l.4", DType::f32, {5}}};
  const auto shards = make_shards(tensors, 80);
  ASSERT_THAT(shards, SizeIs(3));
  EXPECT_THAT(names_in(shards[0], tensors), ElementsAre("l.2"));
  EXPECT_THAT(names_in(shards[1], tensors), ElementsAre("l.3"));  // larger than a shard: alone
  EXPECT_THAT(names_in(shards[2], tensors), ElementsAre("l.10", "l.4"));
  EXPECT_EQ(shards[2].file_name, "model-00003-of-00003.safetensors");
}

TEST(Shards, AShardMayBeFullToTheLastByte) {
  const std::vector<TensorInfo> tensors{{"a", DType::f32, {10}}, {"b", DType::f32, {10}}};
  EXPECT_THAT(make_shards(tensors, 80), SizeIs(1));
  EXPECT_THAT(make_shards(tensors, 79), SizeIs(2));
}

TEST(Shards, ZeroMeansOneFile) {
  const std::vector<TensorInfo> tensors{{"a", DType::f32, {1000}}, {"b", DType::f32, {1000}}};
  EXPECT_THAT(make_shards(tensors, 0), SizeIs(1));
}

TEST(Shards, AFileBeginsWithTheHighestTypeThenGoesByName) {
  const std::vector<TensorInfo> tensors{{"a", DType::bf16, {1}}, {"b", DType::f32, {1}},     {"c", DType::i64, {1}},
                                        {"B", DType::f32, {1}},  {"z", DType::boolean, {3}}, {"l.10", DType::f32, {1}},
                                        {"l.2", DType::f32, {1}}};
  const auto shards = make_shards(tensors, 0);
  EXPECT_THAT(names_in(shards[0], tensors), ElementsAre("c", "B", "b", "l.10", "l.2", "a", "z"));
  std::vector<std::uint64_t> offsets;
  for (const auto& entry : shards[0].entries) offsets.push_back(entry.offset);
  EXPECT_THAT(offsets, ElementsAre(0, 8, 12, 16, 20, 24, 26));
  EXPECT_EQ(shards[0].data_bytes, 29u);
}

TEST(Shards, DependOnNamesAndSizesNotOnTheOrderOfTheList) {
  std::vector<TensorInfo> tensors;
  for (std::uint64_t k = 0; k < 40; ++k) tensors.push_back({"layer." + std::to_string(k), DType::f16, {k + 1}});
  auto shuffled = tensors;
  std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937(5));
  const auto before = make_shards(tensors, 200), after = make_shards(shuffled, 200);
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t s = 0; s < before.size(); ++s) {
    EXPECT_EQ(names_in(before[s], tensors), names_in(after[s], shuffled));
  }
}

}  // namespace
}  // namespace stockpot::partition
