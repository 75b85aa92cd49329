// Which choices of layers keep the blocks that Zamba2's hybrid layers share.
#include "io/shared_blocks.hpp"

#include <gmock/gmock.h>

namespace stockpot::io {
namespace {

using testing::HasSubstr;

/// Hybrid layers 1, 3, 5 and 7 use blocks 0, 1, 0, 1; layers 1 and 3 hold them.
std::string missing(const std::vector<std::uint64_t>& from) {
  return missing_shared_blocks(
      parse_json_text(
          R"({"num_mem_blocks":2,"layers_block_type":["m","hybrid","m","hybrid","m","hybrid","m","hybrid"]})", "test",
          "FMT022"),
      from);
}

TEST(SharedBlocks, StayWhereTheirLayersDo) {
  EXPECT_EQ(missing({0, 1, 2, 3, 4, 5, 6, 7}), "");
  EXPECT_EQ(missing({1, 3, 5, 7}), "");
  EXPECT_EQ(missing({0, 5, 2, 3, 4, 1, 6, 7, 0}), "");
}

TEST(SharedBlocks, AreMissedWhereTheirFirstLayerIs) {
  EXPECT_THAT(missing({0, 5, 2, 3, 4, 5, 6, 7}), HasSubstr("block 0 is stored in no layer"));
}

TEST(SharedBlocks, HaveAnAdapterForEachLayer) {
  EXPECT_THAT(missing({0, 1, 2, 3}), HasSubstr("4 hybrid layers, and the output has 2"));
}

TEST(SharedBlocks, TakeTurns) { EXPECT_THAT(missing({3, 1, 5, 7}), HasSubstr("layer 3 would use shared block 0")); }

TEST(SharedBlocks, OfZambaAreOneWithoutAdapters) {
  const auto config =
      parse_json_text(R"({"model_type":"zamba","layers_block_type":["m","hybrid","m","hybrid"]})", "", "");
  EXPECT_EQ(missing_shared_blocks(config, {1, 0}), "");
  EXPECT_EQ(missing_shared_blocks(config, {3, 3, 1}), "");
  EXPECT_THAT(missing_shared_blocks(config, {2, 3}), HasSubstr("block 0 is stored in no layer"));
}

TEST(SharedBlocks, MayComeAlongTwice) {
  const auto config = parse_json_text(R"({"num_mem_blocks":1,"layers_block_type":["m","hybrid","hybrid"]})", "", "");
  EXPECT_TRUE(has_shared_block_twice(config, {1, 1}));
  EXPECT_FALSE(has_shared_block_twice(config, {1, 2}));
  EXPECT_FALSE(has_shared_block_twice(config, {1, 0, 0}));
}

TEST(SharedBlocks, OfOtherModelsAreNone) {
  const auto config = parse_json_text(R"({"layers_block_type":["hybrid","hybrid"]})", "test", "FMT022");
  EXPECT_EQ(missing_shared_blocks(config, {0}), "");
}

}  // namespace
}  // namespace stockpot::io
