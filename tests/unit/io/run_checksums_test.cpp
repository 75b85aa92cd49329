#include "io/run_checksums.hpp"

#include <gmock/gmock.h>

#include <string>

#include "io/crc32.hpp"

namespace stockpot::io {
namespace {

const std::string check = "123456789";  // whose CRC-32 every description of it gives: CBF43926

std::uint32_t crc_of(const std::string& bytes) { return crc32(std::as_bytes(std::span(bytes))); }

void add(RunChecksums& sums, std::uint64_t first, std::uint64_t count) {
  sums.add({0, {first, count}}, crc_of(check.substr(first, count)));
}

std::vector<ByteRange> gaps(const RunChecksums& sums, std::uint64_t most) {
  std::vector<TensorRun> found;
  sums.add_gaps(0, check.size(), most, found);
  std::vector<ByteRange> ranges;
  for (const TensorRun& run : found) ranges.push_back(run.bytes);
  return ranges;
}

TEST(Crc32, IsThatOfZipFiles) { EXPECT_EQ(crc_of(check), 0xCBF43926u); }

TEST(RunChecksums, RunsInAnyOrderGiveTheChecksumOfTheWhole) {
  for (const std::vector<std::uint64_t>& order :
       {std::vector<std::uint64_t>{0, 3, 6}, {6, 3, 0}, {3, 0, 6}, {6, 0, 3}}) {
    RunChecksums sums(1);
    for (const std::uint64_t first : order) {
      EXPECT_EQ(sums.whole(0, check.size()), std::nullopt);
      add(sums, first, 3);
    }
    EXPECT_EQ(sums.whole(0, check.size()), 0xCBF43926u);
  }
}

TEST(RunChecksums, OtherRanksRunsAreAdded) {
  RunChecksums mine(1), others(1);
  add(mine, 0, 2);
  add(mine, 5, 4);
  add(others, 2, 3);
  mine.add_packed(others.pack());
  EXPECT_EQ(mine.whole(0, check.size()), 0xCBF43926u);
}

TEST(RunChecksums, GapsAreWhatNobodyAdded) {
  RunChecksums sums(1);
  EXPECT_THAT(gaps(sums, 4), testing::ElementsAre(ByteRange{0, 4}, ByteRange{4, 4}, ByteRange{8, 1}));
  add(sums, 2, 1);
  add(sums, 6, 2);
  EXPECT_THAT(gaps(sums, 100), testing::ElementsAre(ByteRange{0, 2}, ByteRange{3, 3}, ByteRange{8, 1}));
}

TEST(RunChecksums, ARunThatIsWrittenAgainReplacesWhatItOverlaps) {
  RunChecksums sums(1);
  add(sums, 0, 6);
  add(sums, 4, 5);
  EXPECT_EQ(sums.whole(0, check.size()), std::nullopt);
  EXPECT_THAT(gaps(sums, 100), testing::ElementsAre(ByteRange{0, 4}));
  add(sums, 0, 4);
  EXPECT_EQ(sums.whole(0, check.size()), 0xCBF43926u);
}

TEST(RunChecksums, NothingHasTheChecksumZero) { EXPECT_EQ(RunChecksums(1).whole(0, 0), 0u); }

}  // namespace
}  // namespace stockpot::io
