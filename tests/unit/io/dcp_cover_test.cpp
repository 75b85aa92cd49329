#include "io/dcp_cover.hpp"

#include <gtest/gtest.h>

namespace stockpot::io {
namespace {

using Boxes = std::vector<std::pair<Shape, Shape>>;

bool covers(const Shape& shape, const Boxes& boxes) {
  std::vector<DcpChunk> chunks;
  for (const auto& [start, count] : boxes) chunks.push_back({start, count, {}, {}});
  return !cover_mistake(shape, chunks);
}

TEST(DcpCover, GridsAndWholeTensors) {
  EXPECT_TRUE(covers({}, {{{}, {}}}));
  EXPECT_TRUE(covers({0, 3}, {}));
  EXPECT_TRUE(covers({4, 6}, {{{0, 0}, {4, 6}}}));
  EXPECT_TRUE(covers({4, 6}, {{{0, 0}, {3, 2}}, {{0, 2}, {3, 4}}, {{3, 0}, {1, 2}}, {{3, 2}, {1, 4}}}));
}

TEST(DcpCover, BoxesThatFormNoGrid) {
  EXPECT_TRUE(
      covers({3, 3}, {{{0, 0}, {1, 2}}, {{0, 2}, {2, 1}}, {{1, 0}, {2, 1}}, {{1, 1}, {1, 1}}, {{2, 1}, {1, 2}}}));
  EXPECT_FALSE(
      covers({3, 3}, {{{0, 0}, {1, 2}}, {{0, 2}, {2, 1}}, {{1, 0}, {2, 1}}, {{1, 0}, {1, 1}}, {{2, 1}, {1, 2}}}));
}

TEST(DcpCover, HolesAndOverlaps) {
  EXPECT_FALSE(covers({}, {}));
  EXPECT_FALSE(covers({4, 6}, {}));
  EXPECT_FALSE(covers({4, 6}, {{{0, 0}, {4, 5}}}));
  EXPECT_FALSE(covers({4, 6}, {{{0, 0}, {3, 6}}, {{1, 0}, {1, 6}}}));  // as many elements as there are
  EXPECT_FALSE(covers({4, 6}, {{{0, 0}, {4, 6}}, {{1, 0}, {1, 6}}}));
}

TEST(DcpCover, BoxesThatLeadOut) {
  EXPECT_FALSE(covers({4}, {{{1}, {4}}}));
  EXPECT_FALSE(covers({4}, {{{UINT64_MAX}, {4}}}));
  EXPECT_FALSE(covers({4}, {{{1}, {UINT64_MAX}}}));
}

}  // namespace
}  // namespace stockpot::io
