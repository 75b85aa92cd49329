#include "core/convert.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "core/error.hpp"
#include "support/instruction_sets.hpp"
#include "support/slow_float16.hpp"

namespace stockpot {
namespace {

using test::SlowFloat16;
using ::testing::ElementsAre;

constexpr double infinity = std::numeric_limits<double>::infinity();
const DType mergeable[] = {DType::bf16, DType::f16, DType::f32, DType::f64};

template <class T>
std::vector<std::byte> narrowed(DType dtype, const std::vector<T>& values) {
  std::vector<std::byte> stored(bytes_of(dtype, values.size()));
  narrow(dtype, std::span<const T>(values), stored.data());
  return stored;
}

template <class Bits, class T>
std::vector<Bits> patterns(DType dtype, const std::vector<T>& values) {
  const auto stored = narrowed(dtype, values);
  std::vector<Bits> bits(values.size());
  std::memcpy(bits.data(), stored.data(), stored.size());
  return bits;
}

struct Format {
  DType dtype;
  SlowFloat16 slow;
};
const Format formats[] = {{DType::bf16, SlowFloat16::bf16()}, {DType::f16, SlowFloat16::f16()}};

TEST(Convert, DoublesReachSixteenBitsInOneRounding) {
  for (const Format& format : formats) {
    std::vector<double> values;
    for (std::uint16_t magnitude = 0; magnitude < format.slow.infinity(); ++magnitude) {
      const double middle = format.slow.midpoint(magnitude);
      // The neighbours in double round to the midpoint in float: two roundings would lose on which side they were.
      for (const double near : {std::nextafter(middle, 0.0), middle, std::nextafter(middle, infinity)}) {
        values.push_back(near);
        values.push_back(-near);
      }
    }
    const auto narrow_bits = patterns<std::uint16_t>(format.dtype, values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(narrow_bits[i], format.slow.rounded(values[i])) << name(format.dtype) << ' ' << values[i];
    }
  }
}

TEST(Convert, RandomDoublesReachSixteenBitsInOneRounding) {
  std::mt19937_64 random(7);
  std::uniform_int_distribution<int> exponent(-140, 135);
  std::vector<double> values{0.0, -0.0, 1e-300, -1e-300, 1e300, -1e300, infinity, -infinity};
  for (int i = 0; i < 300'000; ++i) {
    const double fraction = static_cast<double>(random() >> 11) * 0x1p-53 + 1;
    values.push_back(std::ldexp(i % 2 == 0 ? fraction : -fraction, exponent(random)));
  }
  for (const Format& format : formats) {
    const auto narrow_bits = patterns<std::uint16_t>(format.dtype, values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(narrow_bits[i], format.slow.rounded(values[i])) << name(format.dtype) << ' ' << values[i];
    }
  }
}

TEST(Convert, EveryNanBecomesOneQuietNanWithoutSign) {
  const std::vector<float> nans{std::bit_cast<float>(0x7F800001u), std::bit_cast<float>(0xFFABCDEFu)};
  EXPECT_THAT(patterns<std::uint16_t>(DType::bf16, nans), ElementsAre(0x7FC0, 0x7FC0));
  EXPECT_THAT(patterns<std::uint16_t>(DType::f16, nans), ElementsAre(0x7E00, 0x7E00));
  EXPECT_THAT(patterns<std::uint32_t>(DType::f32, nans), ElementsAre(0x7FC00000u, 0x7FC00000u));
  EXPECT_THAT(patterns<std::uint64_t>(DType::f64, nans), ElementsAre(0x7FF8000000000000u, 0x7FF8000000000000u));
  EXPECT_THAT(patterns<std::uint8_t>(DType::f8_e4m3, nans), ElementsAre(0x7F, 0x7F));
  EXPECT_THAT(patterns<std::uint8_t>(DType::f8_e5m2, nans), ElementsAre(0x7F, 0x7F));
}

TEST(Convert, NonfiniteElementsAreReportedOnTheWayInAndOut) {
  for (const DType dtype : mergeable) {
    for (const double value : {1.0, infinity, -infinity, std::nan("")}) {
      std::vector<double> values(9, 1.0);
      values[8] = value;
      std::vector<std::byte> stored(bytes_of(dtype, values.size()));
      EXPECT_EQ(narrow(dtype, std::span<const double>(values), stored.data()), value != 1.0) << name(dtype);
      std::vector<float> wide(values.size());
      EXPECT_EQ(widen(dtype, stored.data(), wide), value != 1.0) << name(dtype);
    }
  }
}

TEST(Convert, OverflowOnTheFinalRoundingIsReported) {
  const std::vector<float> values{65520.0f};
  std::vector<std::byte> stored(2);
  EXPECT_TRUE(narrow(DType::f16, std::span<const float>(values), stored.data()));
  EXPECT_FALSE(narrow(DType::bf16, std::span<const float>(values), stored.data()));
}

TEST(Convert, WideningAndNarrowingKeepEveryFiniteElement) {
  std::mt19937_64 random(11);
  for (const DType dtype : mergeable) {
    std::vector<std::byte> stored(bytes_of(dtype, 10'000));
    for (auto& byte : stored) byte = static_cast<std::byte>(random());
    std::vector<double> wide(10'000);
    widen(dtype, stored.data(), wide);
    const auto again = narrowed(dtype, wide);
    const std::size_t width = stored.size() / wide.size();
    for (std::size_t i = 0; i < wide.size(); ++i) {
      if (std::isnan(wide[i])) continue;
      ASSERT_EQ(std::memcmp(&stored[i * width], &again[i * width], width), 0) << name(dtype) << ' ' << i;
    }
  }
}

TEST(Convert, FloatAndDoubleTilesHoldTheSameValues) {
  for (const Format& format : formats) {
    std::vector<std::uint16_t> bits(65536);
    for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<std::uint16_t>(i);
    std::vector<float> floats(bits.size());
    std::vector<double> doubles(bits.size());
    widen(format.dtype, reinterpret_cast<const std::byte*>(bits.data()), floats);
    widen(format.dtype, reinterpret_cast<const std::byte*>(bits.data()), doubles);
    for (std::size_t i = 0; i < bits.size(); ++i) {
      if (std::isnan(doubles[i])) continue;
      ASSERT_EQ(static_cast<double>(floats[i]), doubles[i]);
      ASSERT_EQ(doubles[i], format.slow.value(bits[i]));
    }
  }
}

TEST(Convert, EveryInstructionSetGivesTheSameBitsForEveryLengthAndAlignment) {
  std::mt19937_64 random(3);
  std::vector<std::byte> source(1100 * 8);
  for (auto& byte : source) byte = static_cast<std::byte>(random());
  for (const DType dtype : mergeable) {
    for (const std::size_t length : {0u, 1u, 2u, 7u, 8u, 9u, 31u, 32u, 33u, 64u, 65u, 1000u}) {
      for (const std::size_t shift : {0u, 1u, 3u}) {
        std::vector<std::vector<std::byte>> results;
        for (const auto set : test::available_instruction_sets()) {
          const test::WithInstructionSet in_use(set);
          std::vector<float> wide(length);
          const bool found = widen(dtype, source.data() + shift, wide);
          std::vector<std::byte> result(shift + bytes_of(dtype, length) + length * sizeof(float) + 1, std::byte{0});
          narrow(dtype, std::span<const float>(wide), result.data() + shift);
          std::ranges::copy(std::as_bytes(std::span(wide)), result.data() + shift + bytes_of(dtype, length));
          result.back() = static_cast<std::byte>(found);
          results.push_back(std::move(result));
        }
        for (const auto& result : results) ASSERT_EQ(result, results.front()) << name(dtype) << ' ' << length;
      }
    }
  }
}

TEST(Convert, DoublesRoundAlikeUnderEveryInstructionSet) {
  std::mt19937_64 random(5);
  std::vector<double> values(4099);
  for (auto& value : values)
    value = std::ldexp(static_cast<double>(random() >> 11), static_cast<int>(random() % 300) - 200);
  for (const DType dtype : mergeable) {
    std::vector<std::vector<std::byte>> results;
    for (const auto set : test::available_instruction_sets()) {
      const test::WithInstructionSet in_use(set);
      results.push_back(narrowed(dtype, values));
    }
    for (const auto& result : results) ASSERT_EQ(result, results.front()) << name(dtype);
  }
}

TEST(Convert, IntegersHaveNoArithmetic) {
  std::vector<float> wide(1);
  const std::byte stored[8]{};
  EXPECT_THROW(widen(DType::i32, stored, wide), Error);
}

}  // namespace
}  // namespace stockpot
