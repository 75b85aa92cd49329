#include "io/sparse_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "io/output_file.hpp"
#include "support/error_of.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

using test::error_of;
using test::TemporaryDirectory;
using ::testing::Each;
using ::testing::ElementsAre;

constexpr std::uint64_t mebi = 1 << 20;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string read(const ByteSource& source, std::uint64_t offset, std::size_t count) {
  std::string bytes(count, '?');
  source.read_at(offset, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

std::uint64_t allocated(const std::string& path) {
  struct stat facts {};
  EXPECT_EQ(::stat(path.c_str(), &facts), 0);
  return static_cast<std::uint64_t>(facts.st_blocks) * 512;
}

/// 4 MiB: "abc" across the border of the second and the third MiB, and zeros that are nowhere stored.
std::string sparse_file(const TemporaryDirectory& folder) {
  const std::string path = folder / "sparse";
  PosixSink sink = PosixSink::create(path, 4 * mebi, Space::when_written);
  sink.write_at(2 * mebi - 1, bytes_of("abc"));
  sink.close();
  return path;
}

class SparseFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    PosixSink sink = PosixSink::create(folder_ / "probe", mebi);
    if (!sink.make_hole({0, mebi})) GTEST_SKIP() << "no holes on this file system";
  }
  TemporaryDirectory folder_;
};

TEST_F(SparseFiles, DataIsWhereSomethingWasWritten) {
  const PosixSource source(sparse_file(folder_));
  const std::vector<ByteRange> data = source.data_ranges();
  ASSERT_EQ(data.size(), 1u);
  EXPECT_GT(data[0].offset, mebi);
  EXPECT_LE(data[0].offset, 2 * mebi - 1);
  EXPECT_GE(data[0].end(), 2 * mebi + 2);
  EXPECT_LT(data[0].end(), 3 * mebi);
}

TEST_F(SparseFiles, AFileWithoutHolesIsOnePieceOfData) {
  EXPECT_THAT(PosixSource(folder_.write("a", "0123")).data_ranges(), ElementsAre(ByteRange{0, 4}));
  EXPECT_THAT(PosixSource(folder_.write("empty", "")).data_ranges(), ElementsAre());
}

TEST_F(SparseFiles, ReadsWhatThePlainFileReads) {
  const std::string path = sparse_file(folder_);
  const PosixSource plain(path);
  const SparseSource sparse{PosixSource(path)};
  EXPECT_EQ(sparse.size(), 4 * mebi);
  for (const ByteRange range : {ByteRange{0, 4 * mebi},
                                {0, 10},
                                {mebi, mebi},
                                {2 * mebi - 1, 3},
                                {2 * mebi, 1},
                                {2 * mebi - 3, 7},
                                {4 * mebi - 5, 5},
                                {4 * mebi, 0},
                                {2 * mebi + 2, mebi}}) {
    EXPECT_EQ(read(sparse, range.offset, range.count), read(plain, range.offset, range.count)) << range.offset;
  }
  EXPECT_EQ(read(sparse, 2 * mebi - 2, 5), std::string("\0abc\0", 5));
}

TEST_F(SparseFiles, BytesBeyondTheEndAreNoZeros) {
  const SparseSource sparse{PosixSource(sparse_file(folder_))};
  EXPECT_EQ(error_of([&] { read(sparse, 4 * mebi - 2, 3); }).class_code(), "FMT007");
  EXPECT_EQ(error_of([&] { read(sparse, 0xFFFFFFFFFFFFFFFF, 2); }).class_code(), "FMT006");
}

TEST_F(SparseFiles, AHoleReadsAsZerosWhateverWasThere) {
  const std::string path = folder_.write("a", std::string(mebi, 'x'));
  PosixSink sink = PosixSink::open(path);
  EXPECT_TRUE(sink.make_hole({10, mebi / 2}));
  sink.sync();
  sink.close();
  std::string expected(mebi, 'x');
  expected.replace(10, mebi / 2, mebi / 2, '\0');
  EXPECT_EQ(test::bytes_of_file(path), expected);
  EXPECT_LT(allocated(path), 3 * mebi / 4);
}

TEST_F(SparseFiles, AnOutputFileHasHolesForZerosAndBytesForTheRest) {
  OutputFile file;
  file.set(folder_ / "out", 3 * mebi, Writing::sparse);
  file.create();
  const std::vector<std::byte> zeros(mebi);
  std::vector<std::byte> last_differs = zeros;
  last_differs.back() = std::byte{7};
  file.write(0, zeros);
  file.write(mebi, last_differs);
  file.write(2 * mebi, zeros);
  file.finish();
  EXPECT_EQ(test::bytes_of_file(folder_ / "out"), std::string(2 * mebi - 1, '\0') + '\7' + std::string(mebi, '\0'));
  EXPECT_LE(allocated(folder_ / "out"), mebi + mebi / 2);
}

TEST_F(SparseFiles, WrongBytesOfAnEarlierAttemptGiveWayToZeros) {
  folder_.write("out", std::string(2 * mebi, 'x'));
  OutputFile file;
  file.set(folder_ / "out", 2 * mebi, Writing::sparse);
  file.create();  // it has the size: it is gone on with
  const std::vector<std::byte> zeros(mebi);
  file.write(0, zeros);
  file.write(mebi, zeros);
  file.finish();
  EXPECT_THAT(test::bytes_of_file(folder_ / "out"), Each('\0'));
}

TEST_F(SparseFiles, WithoutTheOptionSpaceIsReservedAndZerosAreWritten) {
  OutputFile file;
  file.set(folder_ / "out", 2 * mebi, Writing::cached);
  file.create();
  file.write(0, std::vector<std::byte>(2 * mebi));
  file.finish();
  EXPECT_GE(allocated(folder_ / "out"), 2 * mebi);
}

}  // namespace
}  // namespace stockpot::io
