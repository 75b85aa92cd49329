#include "core/block_tree.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <random>
#include <string>
#include <string_view>

namespace stockpot {
namespace {

std::string bracketed(std::string_view left, std::string_view right) { return fmt::format("({}+{})", left, right); }

// Combining into a bracketed text shows the whole order of combination in the result.
struct Bracket {
  std::string operator()(const std::string& left, const std::string& right) const { return bracketed(left, right); }
};
using TextTree = BlockTree<std::string, Bracket>;

std::string leaf(std::uint64_t block) { return std::to_string(block); }

/// The order by its definition: halves of a power of two; else the widest power of two that fits, and the rest.
std::string expected(std::uint64_t first, std::uint64_t blocks) {
  if (blocks == 1) return leaf(first);
  const std::uint64_t left = std::has_single_bit(blocks) ? blocks / 2 : std::bit_floor(blocks);
  return bracketed(expected(first, left), expected(first + left, blocks - left));
}

TEST(BlockTree, CombinesHalvesAndThenTheRightEdgeFromRightToLeft) {
  TextTree tree;
  for (std::uint64_t block = 0; block < 7; ++block) tree.insert(0, block, leaf(block));
  EXPECT_EQ(tree.total(7), "(((0+1)+(2+3))+((4+5)+6))");
}

TEST(BlockTree, TheOrderOfInsertionDoesNotShow) {
  std::mt19937 random(1);
  for (std::uint64_t blocks = 1; blocks <= 40; ++blocks) {
    std::vector<std::uint64_t> order(blocks);
    for (std::uint64_t i = 0; i < blocks; ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    TextTree tree;
    for (const auto block : order) tree.insert(0, block, leaf(block));
    ASSERT_EQ(tree.total(blocks), expected(0, blocks)) << blocks;
  }
}

TEST(BlockTree, WhoHeldWhichBlocksDoesNotShow) {
  std::mt19937 random(2);
  for (int round = 0; round < 300; ++round) {
    const std::uint64_t blocks = 1 + random() % 70;
    std::vector<TextTree> ranks(1 + random() % 6);
    for (std::uint64_t block = 0; block < blocks; ++block) ranks[random() % ranks.size()].insert(0, block, leaf(block));
    std::shuffle(ranks.begin(), ranks.end(), random);
    TextTree all;
    for (const TextTree& rank : ranks) {
      for (auto& node : rank.nodes()) all.insert(node.level, node.index, std::move(node.value));
    }
    ASSERT_EQ(all.total(blocks), expected(0, blocks)) << blocks;
  }
}

TEST(BlockTree, ARunOfBlocksBecomesFewNodes) {
  TextTree tree;
  for (std::uint64_t block = 3; block < 1000; ++block) tree.insert(0, block, leaf(block));
  EXPECT_LE(tree.nodes().size(), 20u);  // 2 log2(1000)
}

TEST(BlockTree, AMissingBlockIsABugThatSpeaksUp) {
  TextTree tree;
  tree.insert(0, 0, leaf(0));
  tree.insert(0, 2, leaf(2));
  EXPECT_THROW(tree.total(3), Error);
}

TEST(SumTree, AddsEveryStatisticByItself) {
  SumTree tree;
  tree.insert(0, 1, {2.0, 20.0});
  tree.insert(0, 0, {1.0, 10.0});
  tree.insert(0, 2, {4.0, 40.0});
  EXPECT_EQ(tree.total(3), (std::vector<double>{7.0, 70.0}));
}

}  // namespace
}  // namespace stockpot
