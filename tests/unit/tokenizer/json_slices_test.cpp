#include "tokenizer/json_slices.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error_of.hpp"

namespace stockpot::tokenizer {
namespace {

using testing::ElementsAre;

std::vector<std::string> members(std::string_view text) {
  std::vector<std::string> found;
  for_each_member(text,
                  [&](const JsonMember& member) { found.push_back(member.key + "=" + std::string(member.value)); });
  return found;
}

std::vector<std::string> elements(std::string_view text) {
  std::vector<std::string> found;
  for_each_element(text, [&](JsonValue value) { found.emplace_back(value); });
  return found;
}

TEST(JsonText, MembersAreTheTextThatSpellsThem) {
  EXPECT_THAT(members(R"({"a" : 1e-05 ,"b":[1, {"c":"]}"}],"\u0061\"":"x\\"})"),
              ElementsAre("a=1e-05", R"(b=[1, {"c":"]}"}])", R"(a"="x\\")"));
}

TEST(JsonText, ElementsOfListsAndOfNothing) {
  EXPECT_THAT(elements(R"([ 1.0,-0 , "a,b" ,[],null])"), ElementsAre("1.0", "-0", R"("a,b")", "[]", "null"));
  EXPECT_THAT(elements("[ ]"), ElementsAre());
  EXPECT_THAT(members("{\n}"), ElementsAre());
}

TEST(JsonText, TheLastOfTwoEqualKeysCounts) {
  EXPECT_EQ(find_member(R"({"a":1,"b":2,"a":3})", "a"), "3");
  EXPECT_EQ(find_member(R"({"a":1})", "b"), std::nullopt);
}

TEST(JsonText, StringsAreDecodedAndSpelledWithAsFewEscapesAsPossible) {
  EXPECT_EQ(text_of(R"("\u0120a\n")"), "\u0120a\n");
  EXPECT_EQ(json_string("\u0120\"\\\n\x01/"), "\"\u0120\\\"\\\\\\n\\u0001/\"");
}

TEST(JsonText, OnlyPlainUnsignedIntegersAreNumbersOfOurs) {
  EXPECT_EQ(unsigned_of("18446744073709551615"), 18446744073709551615u);
  for (const char* other : {"18446744073709551616", "-1", "1.0", "1e3", "\"1\"", "null", ""}) {
    EXPECT_EQ(unsigned_of(other), std::nullopt) << other;
  }
}

TEST(JsonText, IndentingKeepsNumbersAndOrderAndUnescapes) {
  EXPECT_EQ(indented(R"({"b":[1.0,-11e0],"a":{},"l":[ ],"t":"\u0120:,{"})"),
            "{\n  \"b\": [\n    1.0,\n    -11e0\n  ],\n  \"a\": {},\n  \"l\": [],\n  \"t\": \"\u0120:,{\"\n}");
}

TEST(JsonText, IndentingTwiceIsIndentingOnce) {
  const std::string once = indented(R"([[],[[1]],{"a":[{}]}])");
  EXPECT_EQ(indented(once), once);
}

TEST(JsonText, PiecesAreReplacedInAnyOrder) {
  const std::string_view text = "abcdef";
  EXPECT_EQ(replaced(text, {{text.substr(4, 1), "5"}, {text.substr(0, 2), ""}, {text.substr(3, 0), "+"}}), "c+d5f");
}

TEST(JsonText, WhatIsNoJsonWithinLimitsIsRefused) {
  const auto code = [](const std::string& text) { return test::error_of([&] { check_json(text, "f"); }).class_code(); };
  EXPECT_EQ(code("{"), "FMT022");
  EXPECT_EQ(code("[1] x"), "FMT022");
  EXPECT_EQ(code("[\"\xff\"]"), "FMT021");
  EXPECT_EQ(code(std::string(65, '[') + std::string(65, ']')), "FMT005");
  std::string many = "[0";
  for (int i = 0; i < 16'000'000; ++i) many += ",0";
  EXPECT_EQ(code(many + "]"), "FMT005");
}

TEST(JsonText, TheOutermostValueIsFoundBetweenWhiteSpace) { EXPECT_EQ(check_json(" \n[1]\n", "f"), "[1]"); }

}  // namespace
}  // namespace stockpot::tokenizer
