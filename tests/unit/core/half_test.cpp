#include "core/half.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "support/slow_float16.hpp"

namespace stockpot {
namespace {

using test::SlowFloat16;

float from_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }
bool is_nan(const SlowFloat16& format, std::uint16_t pattern) { return (pattern & 0x7FFFu) > format.infinity(); }

TEST(Bf16, KnownRoundings) {
  EXPECT_EQ(f32_to_bf16(from_bits(0x3F808000)), 0x3F80);
  EXPECT_EQ(f32_to_bf16(from_bits(0x3F818000)), 0x3F82);
  EXPECT_EQ(f32_to_bf16(from_bits(0x7F7FFFFF)), 0x7F80);
  EXPECT_EQ(f32_to_bf16(from_bits(0x657FF194)), 0x6580);
  EXPECT_EQ(f32_to_bf16(from_bits(0x00008000)), 0x0000);
  EXPECT_EQ(f32_to_bf16(from_bits(0x00018000)), 0x0002);
}

TEST(F16, KnownRoundings) {
  EXPECT_EQ(f32_to_f16(from_bits(0x477FEFFF)), 0x7BFF);
  EXPECT_EQ(f32_to_f16(from_bits(0x477FF000)), 0x7C00);
  EXPECT_EQ(f32_to_f16(from_bits(0x33000000)), 0x0000);
  EXPECT_EQ(f32_to_f16(from_bits(0x33000001)), 0x0001);
  EXPECT_EQ(f32_to_f16(from_bits(0x387FD000)), 0x03FF);
  EXPECT_EQ(f32_to_f16(from_bits(0x387FE000)), 0x0400);
  EXPECT_EQ(f32_to_f16(from_bits(0x3F801000)), 0x3C00);
  EXPECT_EQ(f32_to_f16(from_bits(0x3F803000)), 0x3C02);
}

struct Format {
  SlowFloat16 slow;
  float (*widen)(std::uint16_t);
  std::uint16_t (*narrow)(float);
};
const Format formats[] = {{SlowFloat16::bf16(), bf16_to_f32, f32_to_bf16},
                          {SlowFloat16::f16(), f16_to_f32, f32_to_f16}};

TEST(Half, EveryPatternWidensToItsExactValueAndComesBack) {
  for (const Format& format : formats) {
    for (unsigned i = 0; i < 65536; ++i) {
      const auto pattern = static_cast<std::uint16_t>(i);
      const float wide = format.widen(pattern);
      if (is_nan(format.slow, pattern)) {
        ASSERT_TRUE(std::isnan(wide)) << i;
        ASSERT_TRUE(is_nan(format.slow, format.narrow(wide))) << i;
      } else {
        ASSERT_EQ(static_cast<double>(wide), format.slow.value(pattern)) << i;
        ASSERT_EQ(format.narrow(wide), pattern) << i;
      }
    }
  }
}

TEST(Half, RoundingTurnsExactlyAtEveryMidpoint) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const Format& format : formats) {
    for (std::uint16_t magnitude = 0; magnitude < format.slow.infinity(); ++magnitude) {
      const auto middle = static_cast<float>(format.slow.midpoint(magnitude));  // exact: one bit more than the format
      for (const float near : {std::nextafter(middle, 0.0f), middle, std::nextafter(middle, infinity)}) {
        ASSERT_EQ(format.narrow(near), format.slow.rounded(static_cast<double>(near))) << magnitude;
        ASSERT_EQ(format.narrow(-near), format.slow.rounded(static_cast<double>(-near))) << magnitude;
      }
    }
  }
}

TEST(Half, RandomBitPatternsRoundAsTheDefinitionSays) {
  std::mt19937 random(20240613);
  for (const Format& format : formats) {
    for (int i = 0; i < 1'000'000; ++i) {
      const auto bits = static_cast<std::uint32_t>(random());
      const float value = from_bits(bits);
      if (std::isnan(value)) continue;
      ASSERT_EQ(format.narrow(value), format.slow.rounded(static_cast<double>(value))) << bits;
    }
  }
}

TEST(Half, NansStayNansOfTheirSign) {
  for (const std::uint32_t bits : {0x7F800001u, 0x7FC00000u, 0x7FFFFFFFu, 0xFF800001u, 0xFFFFFFFFu}) {
    for (const Format& format : formats) {
      const std::uint16_t narrow = format.narrow(from_bits(bits));
      EXPECT_TRUE(is_nan(format.slow, narrow)) << bits;
      EXPECT_EQ(narrow >> 15, bits >> 31) << bits;
    }
  }
}

}  // namespace
}  // namespace stockpot
