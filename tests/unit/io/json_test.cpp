#include "io/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/utf8.hpp"
#include "support/error_of.hpp"

namespace stockpot::io {
namespace {

using test::error_of;

std::string refused_as(const std::string& text) {
  return error_of([&] { parse_json(text, "config.json", "ARC001"); }).class_code();
}
std::string brackets(std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

TEST(Json, KeysKeepTheirOrder) { EXPECT_EQ(parse_json(R"({"z":1,"a":2})", "f", "ARC001").dump(), R"({"z":1,"a":2})"); }

TEST(Json, TheLastOfTwoEqualKeysCounts) { EXPECT_EQ(parse_json(R"({"a":1,"a":2})", "f", "ARC001")["a"], 2); }

TEST(Json, BrokenTextHasTheClassOfItsFile) {
  for (const char* text : {"", "{", "{\"a\":}", "{} {}", "nul", "\xEF\xBB\xBF{}"})
    EXPECT_EQ(refused_as(text), "ARC001") << text;
  EXPECT_EQ(refused_as(std::string("{}\0{", 4)), "ARC001");
  EXPECT_EQ(refused_as("{\"\xFF\":1}"), "FMT021");
}

TEST(Json, NestingAndKeysAreLimited) {
  EXPECT_NO_THROW(parse_json(brackets(64), "f", "ARC001"));
  EXPECT_EQ(refused_as(brackets(65)), "FMT005");
  EXPECT_EQ(refused_as(brackets(1'000'000)), "FMT005");
  std::string many = "{";
  for (int i = 0; i <= 16'384; ++i) many += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  EXPECT_EQ(refused_as(many + "}"), "FMT005");
}

TEST(Json, ValuesAreLimited) {
  std::string zeros = "[0";
  for (int i = 0; i < 4'000'000; ++i) zeros += ",0";
  EXPECT_EQ(refused_as(zeros + "]"), "FMT005");
}

TEST(Json, ManyObjectsOfFewKeysAreNoObjectOfMany) {
  std::string list = "[";
  for (int i = 0; i < 20'000; ++i) list += i == 0 ? R"({"a":0})" : R"(,{"a":0})";
  EXPECT_EQ(parse_json(list + "]", "f", "ARC001").size(), 20'000u);
}

TEST(Utf8, EveryLengthOfCharacterIsText) { EXPECT_TRUE(is_utf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8D\xB2")); }

TEST(Utf8, LastAndFirstCharactersOfEachLengthAreText) {
  for (const char* text : {"\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_utf8(text));
  }
}

TEST(Utf8, WhatIsOneByteBeyondIsNot) {
  for (const char* text : {"\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
                           "\xF5\x80\x80\x80", "\xC3", "\xE2\x82", "\xF0\x9F\x8D", "\xC3\xC3"}) {
    EXPECT_FALSE(is_utf8(text));
  }
}

}  // namespace
}  // namespace stockpot::io
