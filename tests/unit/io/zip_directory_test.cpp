#include "io/zip_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/posix_file.hpp"
#include "support/error_of.hpp"
#include "support/pytorch_bytes.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

using test::error_of;
using test::TemporaryDirectory;
using test::zip_of;

std::vector<ZipEntry> entries(const std::string& bytes) {
  const TemporaryDirectory folder;
  return ZipDirectory(PosixSource(folder.write("f", bytes)), "f").entries();
}

std::string code_of(const std::string& bytes) {
  return error_of([&] { entries(bytes); }).class_code();
}

const std::string two = zip_of({{"b", "BBBB"}, {"a", "A"}});

TEST(ZipDirectory, EntriesAreSortedAndPlaced) {
  const auto found = entries(two);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].name, "a");
  EXPECT_EQ(two.substr(found[0].offset, found[0].bytes), "A");
  EXPECT_EQ(two.substr(found[1].offset, found[1].bytes), "BBBB");
}

TEST(ZipDirectory, ACommentMayFollow) {
  std::string commented = two;
  commented[commented.size() - 2] = 3;
  EXPECT_EQ(entries(commented + "abc").size(), 2u);
  EXPECT_EQ(code_of(commented + "ab"), "FMT030");
}

TEST(ZipDirectory, EveryTruncationIsRefused) {
  for (std::size_t length = 0; length < two.size(); ++length)
    EXPECT_EQ(code_of(two.substr(0, length)), "FMT030") << length;
}

TEST(ZipDirectory, BytesBeforeTheFirstEntryAreRefused) { EXPECT_EQ(code_of("x" + two), "FMT030"); }

TEST(ZipDirectory, EntriesOfOneNameAreRefused) { EXPECT_EQ(code_of(zip_of({{"a", "1"}, {"a", "2"}})), "FMT030"); }

TEST(ZipDirectory, EntriesOnTheSameBytesAreRefused) {
  std::string overlapping = two;  // the second entry of the list is at the first one's place
  const std::size_t second = overlapping.rfind("PK\x01\x02");
  overlapping.replace(second + 42, 4, std::string(4, '\0'));
  EXPECT_EQ(code_of(overlapping), "FMT030");
}

TEST(ZipDirectory, CompressedEntriesAreMarked) {
  std::string compressed = two;
  compressed[compressed.find("PK\x01\x02") + 10] = 8;
  const auto found = entries(compressed);
  EXPECT_TRUE(found[0].stored);
  EXPECT_FALSE(found[1].stored);
}

}  // namespace
}  // namespace stockpot::io
