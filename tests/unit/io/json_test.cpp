#include "io/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace stockpot::io
