#include "core/size.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace stockpot {
namespace {

TEST(Size, APlainNumberIsBytes) {
  EXPECT_EQ(parse_size("0"), 0u);
  EXPECT_EQ(parse_size("67108864"), 67'108'864u);
}

TEST(Size, BinaryUnitsArePowersOf1024) {
  EXPECT_EQ(parse_size("1KiB"), 1024u);
  EXPECT_EQ(parse_size("64MiB"), 67'108'864u);
  EXPECT_EQ(parse_size("24GiB"), 25'769'803'776u);
  EXPECT_EQ(parse_size("2TiB"), 2'199'023'255'552u);
}

TEST(Size, DecimalUnitsArePowersOf1000) {
  EXPECT_EQ(parse_size("3kB"), 3'000u);
  EXPECT_EQ(parse_size("3MB"), 3'000'000u);
  EXPECT_EQ(parse_size("1GB"), 1'000'000'000u);
  EXPECT_EQ(parse_size("2TB"), 2'000'000'000'000u);
  EXPECT_EQ(parse_size("3k"), 3'000u);
  EXPECT_EQ(parse_size("3M"), 3'000'000u);
}

TEST(Size, CaseAndASpaceBeforeTheUnitDoNotCount) {
  EXPECT_EQ(parse_size("64mib"), 67'108'864u);
  EXPECT_EQ(parse_size("2.20 gb"), 2'200'000'000u);
}

TEST(Size, AFractionOfAUnitIsRoundedDownToBytes) {
  EXPECT_EQ(parse_size("1.5GiB"), 1'610'612'736u);
  EXPECT_EQ(parse_size("0.3KiB"), 307u);
}

TEST(Size, ThereIsNoFractionOfAByte) {
  EXPECT_EQ(parse_size("1.5"), std::nullopt);
  EXPECT_EQ(parse_size("2.0"), 2u);
}

TEST(Size, ABareBIsBillionsForShardsAndAmbiguousElsewhere) {
  EXPECT_EQ(parse_shard_size("5B"), 5'000'000'000u);
  EXPECT_EQ(parse_shard_size("5b"), 5'000'000'000u);
  EXPECT_EQ(parse_size("5B"), std::nullopt);
  EXPECT_EQ(parse_size("5b"), std::nullopt);
}

TEST(Size, ShardSizesKnowTheOtherUnitsToo) {
  EXPECT_EQ(parse_shard_size("500m"), 500'000'000u);
  EXPECT_EQ(parse_shard_size("2K"), 2'000u);
  EXPECT_EQ(parse_shard_size("1GiB"), 1'073'741'824u);
  EXPECT_EQ(parse_shard_size("0"), 0u);
}

TEST(Size, WhatDoesNotFit64BitsIsNoSize) {
  EXPECT_EQ(parse_size("18446744073709551615"), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(parse_size("18446744073709551616"), std::nullopt);
  EXPECT_EQ(parse_size("16777216TiB"), std::nullopt);
  EXPECT_EQ(parse_size("16777215.5TiB"), 18'446'743'523'953'737'728u);
}

TEST(Size, NonsenseIsNoSize) {
  for (const char* text : {"", "GB", "-1", "+1", "1e3", "1 000", "1.GB", ".5GB", "1GBx", "0x10", "1KiBB", " 1"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
    EXPECT_EQ(parse_shard_size(text), std::nullopt) << text;
  }
}

TEST(Size, PeopleReadPowersOf1000) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1'000), "1.00 kB");
  EXPECT_EQ(human_bytes(2'200'000'000), "2.20 GB");
  EXPECT_EQ(human_bytes(999'999), "1.00 MB");
  EXPECT_EQ(human_bytes(std::numeric_limits<std::uint64_t>::max()), "18.45 EB");
}

}  // namespace
}  // namespace stockpot
