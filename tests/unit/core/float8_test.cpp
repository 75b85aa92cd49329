#include "core/float8.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace stockpot {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

float from_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }

/// A format by its definition, in double.
struct Format {
  int mantissa_bits, bias;
  std::uint8_t largest;  ///< pattern of the largest finite value
  float (*widen)(std::uint8_t);
  std::uint8_t (*narrow)(float);
  bool (*saturates)(float);

  double value(unsigned pattern) const {
    const int exponent = static_cast<int>(pattern >> mantissa_bits);
    const double fraction = static_cast<double>(pattern & ((1u << mantissa_bits) - 1)) / (1 << mantissa_bits);
    return exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias);
  }
  /// The pattern nearest to a positive value on the grid, continued beyond the largest; ties to even.
  unsigned nearest(double wanted) const {
    unsigned best = 0;
    for (unsigned p = 1; p <= largest + 1u; ++p) {
      const double there = std::abs(value(p) - wanted), here = std::abs(value(best) - wanted);
      if (there < here || (there == here && p % 2 == 0)) best = p;
    }
    return best;
  }
};

const Format formats[] = {{3, 7, 0x7E, f8_e4m3_to_f32, f32_to_f8_e4m3, saturates_f8_e4m3},
                          {2, 15, 0x7B, f8_e5m2_to_f32, f32_to_f8_e5m2, saturates_f8_e5m2}};

TEST(Float8, KnownValues) {
  EXPECT_EQ(f8_e4m3_to_f32(0x7E), 448.0f);
  EXPECT_EQ(f8_e4m3_to_f32(0x78), 256.0f);
  EXPECT_EQ(f8_e4m3_to_f32(0x08), 0x1p-6f);
  EXPECT_EQ(f8_e4m3_to_f32(0x01), 0x1p-9f);
  EXPECT_TRUE(std::isnan(f8_e4m3_to_f32(0x7F)) && std::isnan(f8_e4m3_to_f32(0xFF)));
  EXPECT_EQ(f8_e5m2_to_f32(0x7B), 57344.0f);
  EXPECT_EQ(f8_e5m2_to_f32(0x7C), infinity);
  EXPECT_EQ(f8_e5m2_to_f32(0x01), 0x1p-16f);
  EXPECT_TRUE(std::isnan(f8_e5m2_to_f32(0x7D)));
}

TEST(Float8, KnownRoundings) {
  EXPECT_EQ(f32_to_f8_e4m3(from_bits(0x3A800000)), 0x00);
  EXPECT_EQ(f32_to_f8_e4m3(from_bits(0x3A800001)), 0x01);
  EXPECT_EQ(f32_to_f8_e4m3(from_bits(0x3B400000)), 0x02);
  EXPECT_EQ(f32_to_f8_e4m3(from_bits(0x3F880000)), 0x38);
  EXPECT_EQ(f32_to_f8_e4m3(from_bits(0x3F980000)), 0x3A);
  EXPECT_EQ(f32_to_f8_e4m3(from_bits(0x43E80000)), 0x7E);
  EXPECT_EQ(f32_to_f8_e4m3(from_bits(0x43E80001)), 0x7E);
  EXPECT_EQ(f32_to_f8_e4m3(from_bits(0xC3F00000)), 0xFE);
  EXPECT_EQ(f32_to_f8_e5m2(from_bits(0x37000000)), 0x00);
  EXPECT_EQ(f32_to_f8_e5m2(from_bits(0x37000001)), 0x01);
  EXPECT_EQ(f32_to_f8_e5m2(from_bits(0x37C00000)), 0x02);
  EXPECT_EQ(f32_to_f8_e5m2(from_bits(0x3F900000)), 0x3C);
  EXPECT_EQ(f32_to_f8_e5m2(from_bits(0x3FB00000)), 0x3E);
  EXPECT_EQ(f32_to_f8_e5m2(from_bits(0x476FFFFF)), 0x7B);
  EXPECT_EQ(f32_to_f8_e5m2(from_bits(0x47700000)), 0x7B);
}

TEST(Float8, InfinityIsTheLargestWhereThereIsNone) {
  EXPECT_EQ(f32_to_f8_e4m3(infinity), 0x7E);
  EXPECT_EQ(f32_to_f8_e4m3(-infinity), 0xFE);
  EXPECT_EQ(f32_to_f8_e5m2(infinity), 0x7C);
  EXPECT_EQ(f32_to_f8_e5m2(-infinity), 0xFC);
}

TEST(Float8, EveryPatternWidensToItsValueAndComesBack) {
  for (const Format& format : formats) {
    for (unsigned i = 0; i < 256; ++i) {
      const auto pattern = static_cast<std::uint8_t>(i);
      const float wide = format.widen(pattern);
      if (std::isnan(wide)) continue;
      EXPECT_EQ(format.narrow(wide), pattern) << i;
      if ((i & 0x7Fu) > format.largest) continue;
      const double value = format.value(i & 0x7Fu);
      EXPECT_EQ(static_cast<double>(wide), i < 128 ? value : -value) << i;
      EXPECT_EQ(std::signbit(wide), i >= 128) << i;
    }
  }
}

TEST(Float8, ValuesGoToTheirNearestNeighbourAndTiesToTheEvenOne) {
  std::mt19937 random(5);
  for (const Format& format : formats) {
    std::vector<float> values;
    for (unsigned p = 0; p <= format.largest; ++p) {
      const auto middle = static_cast<float>((format.value(p) + format.value(p + 1)) / 2);
      for (const float near : {std::nextafter(middle, 0.0f), middle, std::nextafter(middle, infinity)}) {
        values.push_back(near);
      }
    }
    for (int i = 0; i < 20'000; ++i) {
      values.push_back(std::ldexp(static_cast<float>(random()) * 0x1p-32f, static_cast<int>(random() % 50) - 30));
    }
    for (const float value : values) {
      const unsigned nearest = format.nearest(static_cast<double>(value));
      const auto wanted = static_cast<std::uint8_t>(std::min<unsigned>(nearest, format.largest));
      ASSERT_EQ(format.narrow(value), wanted) << value;
      ASSERT_EQ(format.narrow(-value), wanted | 0x80) << value;
      ASSERT_EQ(format.saturates(value), nearest > format.largest) << value;
    }
  }
}

}  // namespace
}  // namespace stockpot
