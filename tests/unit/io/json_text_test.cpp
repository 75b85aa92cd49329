#include "io/json_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <limits>

#include "io/json.hpp"
#include "support/error_of.hpp"

namespace stockpot::io {
namespace {

using test::error_of;

JsonText parsed(const std::string& text) { return parse_json_text(text, "config.json", "FMT022"); }

TEST(JsonText, ComesOutAsItWentIn) {
  const std::string text =
      "{\n  \"z\": 1,\n  \"a\": [\n    true,\n    null,\n    \"x\"\n  ],\n  \"none\": [],\n  \"empty\": {},\n"
      "  \"deep\": {\n    \"b\": false\n  }\n}";
  EXPECT_EQ(parsed(text).dump(), text);
}

TEST(JsonText, NumbersKeepTheirSpelling) {
  for (const char* number : {"1e-05", "1000000.0", "1E+2", "0.10", "-0", "-0.0", "-17", "18446744073709551615",
                             "18446744073709551616", "-9223372036854775809", "123456789.123456789123456789"}) {
    EXPECT_EQ(parsed(number).dump(), number);
  }
}

TEST(JsonText, NumbersThatOnlyPythonKnowsKeepTheirSpelling) {
  for (const char* text :
       {"NaN", "-Infinity", "[\n  0.0,\n  Infinity\n]", "{\n  \"NaN\": NaN,\n  \"x\": \"\\\"Infinity\"\n}",
        "[\n  Infinity,\n  \"NaN\",\n  -Infinity\n]"}) {
    EXPECT_EQ(parsed(text).dump(), text);
  }
  EXPECT_EQ(parse_json(R"({"limit": [0, Infinity], "layers": 2})", "config.json", "ARC001")["layers"], 2);
  for (const char* text : {"infinity", "+Infinity", "Infinityx", "--Infinity", "NaNNaN", "{NaN: 1}", "Infinit"}) {
    EXPECT_EQ(error_of([&] { parsed(text); }).class_code(), "FMT022") << text;
  }
}

TEST(JsonText, OnlyPlainUnsignedIntegersAreNumbersToCountWith) {
  EXPECT_EQ(parsed("0").as_unsigned(), 0u);
  EXPECT_EQ(parsed("18446744073709551615").as_unsigned(), std::numeric_limits<std::uint64_t>::max());
  for (const char* other : {"18446744073709551616", "-1", "-0", "1.0", "1e2", "\"1\"", "true", "null", "[1]"})
    EXPECT_EQ(parsed(other).as_unsigned(), std::nullopt) << other;
}

TEST(JsonText, TextIsEscapedNoMoreThanItMustBe) {
  EXPECT_EQ(parsed(R"("\u00e9\ud83d\ude00\/\"\\\n\u0007é")").dump(), "\"\u00e9\U0001F600/\\\"\\\\\\n\\u0007\u00e9\"");
}

TEST(JsonText, OfEqualKeysTheLastValueCountsInThePlaceOfTheFirst) {
  EXPECT_EQ(parsed(R"({"a":1,"b":2,"a":{"c":3},"b":4})"), parsed(R"({"a":{"c":3},"b":4})"));
}

TEST(JsonText, MembersAreSetInPlaceAddedAtTheEndAndErased) {
  JsonText object = parsed(R"({"a":1,"b":2,"c":3})");
  object.set("a", JsonText::text("x"));
  object.set("d", JsonText::array({JsonText::number(4), JsonText::boolean(true)}));
  object.erase("b");
  object.erase("missing");
  EXPECT_EQ(object, parsed(R"({"a":"x","c":3,"d":[4,true]})"));
  EXPECT_EQ(object.find("b"), nullptr);
  EXPECT_EQ(parsed("[1]").find("a"), nullptr);
}

TEST(JsonText, EqualityCountsSpellingAndOrder) {
  EXPECT_NE(parsed("1.0"), parsed("1.00"));
  EXPECT_NE(parsed(R"({"a":1,"b":2})"), parsed(R"({"b":2,"a":1})"));
}

TEST(JsonText, WhatIsNoJsonOrTooLargeIsRefusedAsEverywhere) {
  const auto refused_as = [](const std::string& text) { return error_of([&] { parsed(text); }).class_code(); };
  for (const char* text : {"", "{", "{} {}", "[1,]", "01", "1e400", "\"\\ud800\"", "\xEF\xBB\xBF{}"})
    EXPECT_EQ(refused_as(text), "FMT022") << text;
  EXPECT_EQ(refused_as("\"\xFF\""), "FMT021");
  EXPECT_EQ(refused_as(std::string(65, '[') + std::string(65, ']')), "FMT005");
}

// added_tokens_decoder of a union: 17,000 keys, which is more than parse_json lets an object have.
TEST(JsonText, AnObjectMayHaveAKeyForEachTokenOfAUnion) {
  std::string object = "{";
  for (int i = 0; i < 17'000; ++i) object += (i == 0 ? "\n  \"" : ",\n  \"") + std::to_string(i) + "\": 0";
  object += "\n}";
  EXPECT_EQ(parsed(object).dump(), object);
}

TEST(JsonText, ManyObjectsOfManyKeysTakeNoQuadraticTime) {
  std::string object = "{";
  for (int i = 0; i < 16'000; ++i) object += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  object += '}';
  std::string text = "[" + object;
  for (int i = 0; i < 20; ++i) text += "," + object;
  const auto start = std::chrono::steady_clock::now();
  parsed(text + "]");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));  // quadratic: minutes
}

}  // namespace
}  // namespace stockpot::io
