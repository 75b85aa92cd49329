#include "io/shard_index.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error_of.hpp"

namespace stockpot::io {
namespace {

using test::error_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string refused_as(const std::string& text) {
  return error_of([&] { parse_shard_index(text, "index.json"); }).class_code();
}
std::string index_of(const std::string& map) { return R"({"weight_map":)" + map + "}"; }

TEST(ShardIndex, ListsTheTensorsOfEachShard) {
  const auto index = parse_shard_index(
      R"({"metadata":{"total_size":12,"other":[1,{"x":null}]},"weight_map":{"c":"2","a":"2","b":"1"},"more":1.5})",
      "i");
  ASSERT_EQ(index.shards.size(), 2u);
  EXPECT_EQ(index.shards[0].file, "1");
  EXPECT_THAT(index.shards[0].tensors, ElementsAre("b"));
  EXPECT_EQ(index.shards[1].file, "2");
  EXPECT_THAT(index.shards[1].tensors, ElementsAre("a", "c"));
  EXPECT_EQ(index.total_bytes, 12.0);
}

TEST(ShardIndex, MetadataMayBeAbsentOrOdd) {
  for (const char* text :
       {R"({"weight_map":{}})", R"({"metadata":null,"weight_map":{}})", R"({"metadata":{},"weight_map":{}})",
        R"({"metadata":{"total_size":"7"},"weight_map":{}})"}) {
    EXPECT_FALSE(parse_shard_index(text, "i").total_bytes.has_value()) << text;
  }
}

TEST(ShardIndex, SomethingElseIsRefused) {
  for (const char* text :
       {"", "[]", "1", "{}", "{\"weight_map\":[]}", "{\"weight_map\":1}", "{\"weight_map\":null}", "{} x"}) {
    EXPECT_EQ(refused_as(text), "FMT022") << text;
  }
  EXPECT_EQ(refused_as(index_of(R"({"a":1})")), "FMT022");
  EXPECT_EQ(refused_as(index_of(R"({"a":{"b":"c"}})")), "FMT022");
}

TEST(ShardIndex, ATensorNamedTwiceIsRefused) {
  EXPECT_EQ(refused_as(index_of(R"({"a":"1","a":"1"})")), "FMT011");
  EXPECT_EQ(refused_as(index_of(R"({"a":"1","b":"1","a":"2"})")), "FMT011");
  EXPECT_EQ(refused_as(R"({"weight_map":{"a":"1"},"weight_map":{}})"), "FMT011");
}

TEST(ShardIndex, ShardsArePlainFileNames) {
  for (const char* name : {"", ".", "..", "/etc/passwd", "../x", "a/b", "a\\\\b", "a\\u0000b", "a\\nb", "a\\u007fb"}) {
    const Error error = error_of([&] { parse_shard_index(index_of(R"({"t":")" + std::string(name) + "\"}"), "i"); });
    EXPECT_EQ(error.class_code(), "FMT002") << name;
    EXPECT_THAT(error.what(), HasSubstr("tensor  t"));
  }
  EXPECT_EQ(refused_as(index_of(R"({"t":")" + std::string(256, 'n') + "\"}")), "FMT002");
  EXPECT_EQ(check_plain_file_name("model-00001-of-00002.safetensors"), std::nullopt);
  EXPECT_EQ(check_plain_file_name("..a"), std::nullopt);
  EXPECT_EQ(check_plain_file_name("mod\xC3\xA8le"), std::nullopt);
}

TEST(ShardIndex, LimitsHold) {
  EXPECT_EQ(refused_as(R"({"weight_map":{},"x":)" + std::string(64, '[') + std::string(64, ']') + "}"), "FMT005");
  std::string many = "{";
  for (int i = 0; i <= 100'000; ++i) {
    many += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":\"" + std::to_string(i) + '"';
  }
  EXPECT_EQ(refused_as(index_of(many + "}")), "FMT005");
}

}  // namespace
}  // namespace stockpot::io
