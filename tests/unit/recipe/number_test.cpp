#include "recipe/number.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace stockpot::recipe {
namespace {

using Kind = ReadNumber::Kind;

double plain(std::string_view text) {
  const ReadNumber read = read_number(text, false);
  EXPECT_EQ(read.kind, Kind::number) << text;
  return read.value;
}

TEST(Number, DecimalsAreReadToTheNearestDouble) {
  EXPECT_EQ(plain("0.1"), 0.1);
  EXPECT_EQ(plain("-2"), -2.0);
  EXPECT_EQ(plain("1e5"), 1e5);
  EXPECT_EQ(plain("1E-5"), 1e-5);
  EXPECT_EQ(plain(".5"), 0.5);
  EXPECT_EQ(plain("5."), 5.0);
  EXPECT_EQ(plain("+1"), 1.0);
  EXPECT_EQ(plain("4.9e-324"), std::numeric_limits<double>::denorm_min());
}

TEST(Number, PlainIntegersMayHaveUnderscoresAndBases) {
  EXPECT_EQ(plain("1_000"), 1000.0);
  EXPECT_EQ(plain("0x10"), 16.0);
  EXPECT_EQ(plain("0xFf"), 255.0);
  EXPECT_EQ(plain("-0b101"), -5.0);
  EXPECT_EQ(plain("0o17"), 15.0);
  EXPECT_EQ(plain("010"), 8.0);
  EXPECT_EQ(plain("0"), 0.0);
  EXPECT_EQ(plain("089"), 89.0);
  EXPECT_EQ(plain("010.5"), 10.5);
}

TEST(Number, QuotedOnesAreDecimal) {
  EXPECT_EQ(read_number("010", true).value, 10.0);
  EXPECT_EQ(read_number("0.5", true).value, 0.5);
  EXPECT_EQ(read_number("0x10", true).kind, Kind::text);
  EXPECT_EQ(read_number(".inf", true).kind, Kind::text);
  EXPECT_EQ(read_number("12:30", true).kind, Kind::text);
}

TEST(Number, TheWordsOfBooleansAreOneAndZeroInAnyCase) {
  for (const char* word : {"yes", "Yes", "ON", "true", "tRuE"}) {
    EXPECT_EQ(plain(word), 1.0) << word;
    EXPECT_EQ(read_number(word, true).value, 1.0) << word;
  }
  for (const char* word : {"no", "No", "OFF", "false"}) EXPECT_EQ(plain(word), 0.0) << word;
  EXPECT_EQ(read_number("y", false).kind, Kind::text);
}

TEST(Number, DigitsWithColonsAreBase60) {
  EXPECT_EQ(read_number("12:30", false).kind, Kind::base_60);
  EXPECT_EQ(read_number("-1:59:59.5", false).kind, Kind::base_60);
  EXPECT_EQ(read_number("12:60", false).kind, Kind::text);
  EXPECT_EQ(read_number("a:30", false).kind, Kind::text);
}

TEST(Number, InfinitiesAndNanAreToldApartFromText) {
  for (const char* text : {".inf", "-.Inf", "+.INF", ".nan", ".NaN"}) {
    EXPECT_EQ(read_number(text, false).kind, Kind::non_finite) << text;
  }
  EXPECT_EQ(read_number("inf", false).kind, Kind::text);
  EXPECT_EQ(read_number("nan", false).kind, Kind::text);
}

TEST(Number, WhatExceedsADoubleIsTooLargeAndWhatIsTinyIsZero) {
  EXPECT_EQ(read_number("1e400", false).kind, Kind::too_large);
  EXPECT_EQ(read_number("-1e400", true).kind, Kind::too_large);
  EXPECT_EQ(read_number("0x1" + std::string(300, '0'), false).kind, Kind::too_large);
  EXPECT_EQ(plain("1e-400"), 0.0);
}

TEST(Number, TheRestIsText) {
  for (const char* text : {"", "abc", "1.2.3", "1e", "e5", "0x", "0xg", "--1", "1 2", ".", "-", "_1", "1e5.5"}) {
    EXPECT_EQ(read_number(text, false).kind, Kind::text) << text;
  }
}

TEST(Number, WholeNumbersAreExactUpTo64Bits) {
  EXPECT_EQ(read_unsigned("18446744073709551615", false), 18446744073709551615u);
  EXPECT_EQ(read_unsigned("0xffff_ffff_ffff_fffd", false), 0xfffffffffffffffdu);
  EXPECT_EQ(read_unsigned("010", false), 8u);
  EXPECT_EQ(read_unsigned("010", true), 10u);
  EXPECT_EQ(read_unsigned("2.0", false), 2u);
  EXPECT_EQ(read_unsigned("1e3", false), 1000u);
  for (const char* text : {"18446744073709551616", "-1", "0.5", "1e20", "abc", "", "0x1ffffffffffffffff"}) {
    EXPECT_EQ(read_unsigned(text, false), std::nullopt) << text;
  }
}

TEST(Number, ADecimalCommaIsToldFromOtherTexts) {
  EXPECT_EQ(decimal_point_help("0,5"), "write a decimal point: 0.5");
  EXPECT_EQ(decimal_point_help("-1,25e-3"), "write a decimal point: -1.25e-3");
  for (const char* text : {"", ",", ",5", "5,", "a,5", "0,b", "0,5,7", "0, 5", "0.5", "0.5,1"})
    EXPECT_EQ(decimal_point_help(text), "") << text;
}

}  // namespace
}  // namespace stockpot::recipe
