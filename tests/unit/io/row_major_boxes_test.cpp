#include "io/row_major_boxes.hpp"

#include <gmock/gmock.h>

namespace stockpot::io {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t no_limit = ~std::uint64_t{0};

/// Flat positions of a box's elements, in the order of the array, by walking its indices.
std::vector<std::uint64_t> positions(const Shape& shape, const Box& box) {
  std::vector<std::uint64_t> all{0};
  for (std::size_t d = 0; d < shape.size(); ++d) {
    std::vector<std::uint64_t> next;
    for (const std::uint64_t outer : all) {
      for (std::uint64_t i = 0; i < box.count[d]; ++i) next.push_back(outer * shape[d] + box.start[d] + i);
    }
    all = std::move(next);
  }
  return all;
}

TEST(RowMajorBoxes, AWholeArrayIsOneBox) {
  EXPECT_THAT(row_major_boxes(Shape{4, 5, 6}, {0, 120}, no_limit), ElementsAre(Box{{0, 0, 0}, {4, 5, 6}, 120}));
}

TEST(RowMajorBoxes, RowsAreOneBoxAndTheirRaggedEndsOthers) {
  EXPECT_THAT(row_major_boxes(Shape{4, 10}, {7, 25}, no_limit),
              ElementsAre(Box{{0, 7}, {1, 3}, 3}, Box{{1, 0}, {2, 10}, 20}, Box{{3, 0}, {1, 2}, 2}));
}

TEST(RowMajorBoxes, AScalarHasABoxWithoutDimensions) {
  EXPECT_THAT(row_major_boxes(Shape{}, {0, 1}, no_limit), ElementsAre(Box{{}, {}, 1}));
}

TEST(RowMajorBoxes, AnEmptyRangeHasNone) { EXPECT_THAT(row_major_boxes(Shape{0, 3}, {0, 0}, no_limit), IsEmpty()); }

TEST(RowMajorBoxes, ALimitBelowARowCutsTheRow) {
  EXPECT_THAT(row_major_boxes(Shape{2, 5}, {0, 10}, 3), ElementsAre(Box{{0, 0}, {1, 3}, 3}, Box{{0, 3}, {1, 2}, 2},
                                                                    Box{{1, 0}, {1, 3}, 3}, Box{{1, 3}, {1, 2}, 2}));
}

TEST(RowMajorBoxes, EveryRangeIsCoveredOnceAndInOrderWithinTheLimit) {
  for (const Shape& shape : {Shape{3, 4, 5}, Shape{60}, Shape{1, 60, 1}, Shape{2, 1, 30}, Shape{2, 2, 3, 5}}) {
    for (std::uint64_t first = 0; first < 60; ++first) {
      for (std::uint64_t count = 1; first + count <= 60; ++count) {
        for (const std::uint64_t limit : {std::uint64_t{1}, std::uint64_t{7}, no_limit}) {
          std::uint64_t next = first;
          for (const Box& box : row_major_boxes(shape, {first, count}, limit)) {
            const auto covered = positions(shape, box);
            ASSERT_EQ(covered.size(), box.elements);
            ASSERT_LE(box.elements, limit);
            for (const std::uint64_t position : covered) ASSERT_EQ(position, next++);
          }
          ASSERT_EQ(next, first + count);
        }
      }
    }
  }
}

}  // namespace
}  // namespace stockpot::io
