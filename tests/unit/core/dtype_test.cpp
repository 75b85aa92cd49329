#include "core/dtype.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace stockpot {
namespace {

struct Known {
  std::string name;
  std::uint64_t bits;
};
// The safetensors specification's list, low to high.
const std::vector<Known> ranked{{"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
                                {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
                                {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
                                {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
                                {"I64", 64},        {"U64", 64}};

TEST(DType, EveryTypeOfTheFormatIsKnownWithItsWidth) {
  for (const Known& known : ranked) {
    const auto dtype = parse_dtype(known.name);
    ASSERT_TRUE(dtype.has_value()) << known.name;
    EXPECT_EQ(name(*dtype), known.name);
    EXPECT_EQ(bits(*dtype), known.bits) << known.name;
  }
}

TEST(DType, TheOrderIsTheRankOfTheFormat) {
  for (std::size_t i = 0; i < ranked.size(); ++i) EXPECT_EQ(parse_dtype(ranked[i].name), static_cast<DType>(i));
}

TEST(DType, NamesOfTheFormatAreExact) {
  for (const char* wrong : {"f32", "F32 ", "BFLOAT16", "F99", ""}) EXPECT_FALSE(parse_dtype(wrong)) << wrong;
}

TEST(DType, RecipesMaySayItInTorchsWords) {
  EXPECT_EQ(parse_recipe_dtype("bfloat16"), DType::bf16);
  EXPECT_EQ(parse_recipe_dtype("torch.float16"), DType::f16);
  EXPECT_EQ(parse_recipe_dtype("fp32"), DType::f32);
  EXPECT_EQ(parse_recipe_dtype("double"), DType::f64);
  EXPECT_FALSE(parse_recipe_dtype("BF16"));
  EXPECT_FALSE(parse_recipe_dtype("int8"));
  EXPECT_FALSE(parse_recipe_dtype("float8_e4m3fn"));
}

TEST(DType, OutputsMayHaveEightBits) {
  EXPECT_EQ(parse_output_dtype("float8_e4m3fn"), DType::f8_e4m3);
  EXPECT_EQ(parse_output_dtype("torch.float8_e5m2"), DType::f8_e5m2);
  EXPECT_EQ(parse_output_dtype("bf16"), DType::bf16);
  EXPECT_FALSE(parse_output_dtype("float8_e4m3fnuz"));
}

TEST(DType, FloatsAreMergedAndIntegersAreCopied) {
  std::vector<std::string> mergeable, integral;
  for (const Known& known : ranked) {
    const DType dtype = *parse_dtype(known.name);
    if (is_mergeable(dtype)) mergeable.push_back(known.name);
    if (is_integral(dtype)) integral.push_back(known.name);
  }
  EXPECT_THAT(mergeable, ::testing::ElementsAre("F8_E5M2", "F8_E4M3", "F16", "BF16", "F32", "F64"));
  EXPECT_THAT(integral, ::testing::ElementsAre("BOOL", "U8", "I8", "I16", "U16", "I32", "U32", "I64", "U64"));
}

TEST(DType, BytesOfPartialAndHugeCountsAreExact) {
  EXPECT_EQ(bytes_of(DType::f4, 6), 3u);
  EXPECT_EQ(bytes_of(DType::f6_e3m2, 12), 9u);
  EXPECT_EQ(bytes_of(DType::bf16, 3), 6u);
  EXPECT_EQ(bytes_of(DType::f64, std::uint64_t{1} << 60), std::uint64_t{1} << 63);
}

}  // namespace
}  // namespace stockpot
