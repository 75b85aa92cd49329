#include "partition/unit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stockpot::partition {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Unit, HoldsAtLeastOneBlock) { EXPECT_EQ(unit_elements(0, 0), block_elements); }

TEST(Unit, ComesNearTheTargetFromBelow) { EXPECT_EQ(unit_elements(10 * block_elements + 1, 0), 10 * block_elements); }

TEST(Unit, HoldsWholeRowsAndWholeBlocks) {
  EXPECT_EQ(unit_elements(0, 4096), block_elements);          // 16 rows are a block
  EXPECT_EQ(unit_elements(0, 7168), 64u * 7168);              // 64 rows are 7 blocks
  EXPECT_EQ(unit_elements(3'000'000, 7168), 6 * 64u * 7168);  // six times that, not seven
  EXPECT_EQ(unit_elements(0, 50'257), 65'536u * 50'257);      // an odd row
}

TEST(Unit, OfRowsTooLongForArithmeticIsTheWholeTensor) {
  const std::uint64_t row = (std::uint64_t{1} << 60) + 1;
  EXPECT_THAT(cut(row, unit_elements(1, row)), ElementsAre(ElementRange{0, row}));
}

TEST(Unit, NothingIsCutIntoNothing) { EXPECT_THAT(cut(0, block_elements), IsEmpty()); }

TEST(Unit, TheLastOneMayBeShort) {
  EXPECT_THAT(cut(2 * block_elements + 1, block_elements),
              ElementsAre(ElementRange{0, block_elements}, ElementRange{block_elements, block_elements},
                          ElementRange{2 * block_elements, 1}));
}

TEST(Unit, UnitsTileTheTensorAtBlockBoundaries) {
  for (const std::uint64_t elements : {std::uint64_t{1}, block_elements - 1, block_elements, block_elements + 1,
                                       9 * block_elements + 17, 100 * block_elements}) {
    for (const std::uint64_t target : {std::uint64_t{0}, block_elements, 3 * block_elements + 5}) {
      std::uint64_t covered = 0;
      for (const ElementRange unit : cut(elements, unit_elements(target, 0))) {
        EXPECT_EQ(unit.first, covered);
        EXPECT_EQ(unit.first % block_elements, 0u);
        EXPECT_GT(unit.count, 0u);
        covered = unit.end();
      }
      EXPECT_EQ(covered, elements);
    }
  }
}

}  // namespace
}  // namespace stockpot::partition
