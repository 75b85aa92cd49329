#include "io/direct_source.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "io/output_file.hpp"
#include "support/error_of.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

using test::error_of;
using test::TemporaryDirectory;
using ::testing::HasSubstr;

constexpr std::uint64_t kibi = 1 << 10, mebi = 1 << 20;

/// Every 8 bytes tell where they are.
std::string numbered(std::size_t bytes, std::uint64_t first = 0) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) {
    const std::uint64_t at = first + i;
    text[i] = static_cast<char>((at / 8 * 0x9E3779B97F4A7C15) >> (at % 8 * 8));
  }
  return text;
}

std::string read(const ByteSource& source, std::uint64_t offset, std::size_t count) {
  std::string bytes(count, '?');
  source.read_at(offset, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

/// A file system with direct transfers.
class DirectFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    const int raw = ::open(folder_.write("probe", "").c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC);
    const Descriptor probe(raw);
    if (raw < 0 || !direct_alignment(raw)) GTEST_SKIP() << "no direct transfers on this file system";
    take_direct_totals();
  }

  void create(OutputFile& file, std::uint64_t bytes) {
    file.set(folder_ / "out", bytes, Writing::direct);
    file.create();
  }

  TemporaryDirectory folder_;
};

TEST(WholeBlocks, LieInTheRange) {
  EXPECT_EQ(whole_blocks({0, 8}, 4), (ByteRange{0, 8}));
  EXPECT_EQ(whole_blocks({1, 8}, 4), (ByteRange{4, 4}));
  EXPECT_EQ(whole_blocks({1, 11}, 4), (ByteRange{4, 8}));
  EXPECT_EQ(whole_blocks({1, 6}, 4), (ByteRange{1, 0}));
  EXPECT_EQ(whole_blocks({4, 3}, 4), (ByteRange{4, 0}));
  EXPECT_EQ(whole_blocks({8, 0}, 4), (ByteRange{8, 0}));
}

TEST_F(DirectFiles, AlignmentIsAPowerOfTwoAndWritesKeepToPages) {
  const Descriptor file(::open(folder_.write("a", "x").c_str(), O_RDONLY | O_CLOEXEC));
  const DirectAlignment alignment = *direct_alignment(file.raw());
  for (const std::uint64_t bytes : {alignment.transfer, alignment.written}) {
    EXPECT_GE(bytes, 512u);
    EXPECT_LE(bytes, 64 * kibi);
    EXPECT_EQ(bytes & (bytes - 1), 0u);
  }
  EXPECT_EQ(alignment.written % static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)), 0u);
  EXPECT_EQ(alignment.written % alignment.transfer, 0u);
}

TEST_F(DirectFiles, ReadsWhatIsThereAtAnyPlace) {
  const std::uint64_t size = 9 * mebi + 1234;
  const std::string all = numbered(size);
  const DirectSource source{PosixSource(folder_.write("a", all))};
  EXPECT_EQ(source.size(), size);
  std::uint64_t direct = 0;
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{511}, 4 * kibi, 4 * kibi + 1,
                                     mebi - 1, 4 * mebi - 3, size - 64 * kibi, size - 64 * kibi - 1}) {
    for (const std::uint64_t count : {std::uint64_t{0}, std::uint64_t{1}, 64 * kibi - 1, 64 * kibi, 64 * kibi + 1,
                                      mebi + 5, 4 * mebi, 4 * mebi + 1, size}) {
      const std::uint64_t bytes = std::min(count, size - offset);
      EXPECT_EQ(read(source, offset, bytes), all.substr(offset, bytes)) << offset << " " << bytes;
      if (bytes >= 64 * kibi) direct += bytes;
    }
  }
  const DirectTotals totals = take_direct_totals();
  EXPECT_EQ(totals.bytes_read, direct) << "what is large enough is read directly";
  EXPECT_EQ(totals.files_refused, 0u);
}

TEST_F(DirectFiles, SmallFilesAreNotOpenedTwice) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{511}, std::size_t{64 * kibi - 1}}) {
    const std::string all = numbered(size);
    const DirectSource source{PosixSource(folder_.write("a", all))};
    EXPECT_EQ(read(source, 0, size), all);
  }
  const DirectTotals totals = take_direct_totals();
  EXPECT_EQ(totals.bytes_read, 0u);
  EXPECT_EQ(totals.files_refused, 0u);
}

TEST_F(DirectFiles, AFileThatEndsEarlySaysWhere) {
  const DirectSource source{PosixSource(folder_.write("a", numbered(100'000)))};
  const Error error = error_of([&] { read(source, 30'000, 70'001); });
  EXPECT_EQ(error.class_code(), "FMT007");
  EXPECT_EQ(error_of([&] { read(source, 200'000, 70'000); }).class_code(), "FMT007");
  EXPECT_EQ(error_of([&] { read(source, 0xFFFFFFFFFFFFFFFF, 100'000); }).class_code(), "FMT006");
  std::filesystem::resize_file(folder_ / "a", 50'000);
  EXPECT_EQ(error_of([&] { read(source, 1, 99'000); }).class_code(), "FMT007");
  EXPECT_EQ(error_of([&] { read(source, 60'000, 40'000); }).class_code(), "FMT007");
}

TEST_F(DirectFiles, ReadsWhatTheCacheHasAndTheDiskHasNot) {
  const std::string path = folder_.write("a", std::string(mebi, 'x'));
  PosixSink sink = PosixSink::open(path);
  sink.write_at(5000, bytes_of("fresh"));  // nowhere but in the cache
  const DirectSource source{PosixSource(path)};
  EXPECT_EQ(read(source, 4999, 100'000).substr(0, 7), "xfreshx");
}

TEST_F(DirectFiles, AnotherFileOfTheNameIsRefused) {
  const std::string path = folder_.write("a", numbered(mebi));
  PosixSource file(path);
  folder_.write("b", std::string(mebi, 'b'));
  std::filesystem::rename(folder_ / "b", path);
  const DirectSource source(std::move(file));
  EXPECT_EQ(read(source, 3, 100'000), numbered(100'000, 3));
  const DirectTotals totals = take_direct_totals();
  EXPECT_EQ(totals.bytes_read, 0u);
  EXPECT_EQ(totals.files_refused, 1u);
  EXPECT_EQ(totals.first_refused, path);
}

TEST_F(DirectFiles, WritesWholeBlocksDirectlyAndTheRestNot) {
  const std::uint64_t size = 9 * mebi + 77;
  OutputFile file;
  create(file, size);
  const Descriptor probe(::open((folder_ / "out").c_str(), O_RDONLY | O_CLOEXEC));
  const std::uint64_t block = direct_alignment(probe.raw())->written;
  std::uint64_t direct = 0;
  std::uint64_t from = 0;
  for (const std::uint64_t end : {std::uint64_t{3}, 64 * kibi, 64 * kibi + 1, 3 * mebi + 11, 3 * mebi + 12,
                                  8 * mebi + 5, 8 * mebi + 64 * kibi, size}) {
    file.write(from, bytes_of(numbered(end - from, from)));
    const std::uint64_t first = (from + block - 1) / block * block, last = end / block * block;
    if (first + 64 * kibi <= last) direct += last - first;
    from = end;
  }
  file.flush();
  EXPECT_EQ(test::bytes_of_file(folder_ / "out"), numbered(size));
  file.finish();
  EXPECT_EQ(test::bytes_of_file(folder_ / "out"), numbered(size));
  EXPECT_EQ(take_direct_totals().bytes_written, direct);
}

TEST_F(DirectFiles, NeighboursShareAPage) {
  constexpr std::size_t part = 100'003;  // odd: every border lies in the middle of a page
  constexpr std::size_t parts = 64;
  OutputFile file;
  create(file, part * parts);
  std::vector<std::thread> writers;
  for (std::size_t w = 0; w < 4; ++w) {
    writers.emplace_back([&, w] {
      for (std::size_t i = w; i < parts; i += 4) file.write(part * i, bytes_of(numbered(part, part * i)));
    });
  }
  for (std::thread& writer : writers) writer.join();
  file.finish();
  EXPECT_EQ(test::bytes_of_file(folder_ / "out"), numbered(part * parts));
}

TEST_F(DirectFiles, WhatTheCacheHasOfAnEarlierAttemptGivesWay) {
  folder_.write("out", std::string(2 * mebi, 'x'));  // dirty pages, all of them
  OutputFile file;
  create(file, 2 * mebi);
  file.write(0, bytes_of(numbered(mebi + 100)));
  file.write(mebi + 100, bytes_of(numbered(mebi - 100, mebi + 100)));
  file.finish();
  EXPECT_EQ(test::bytes_of_file(folder_ / "out"), numbered(2 * mebi));
}

TEST_F(DirectFiles, AFullDeviceIsNoSpace) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  PosixSink sink = PosixSink::open("/dev/full");
  sink.write_directly();
  EXPECT_EQ(error_of([&] { sink.write_at(0, bytes_of(numbered(mebi))); }).kind(), ErrorKind::no_space);
}

/// Files in memory: refused by Linux before 6.6, and anyhow the same bytes.
TEST(DirectFilesInMemory, AreReadAndWritten) {
  if (!std::filesystem::exists("/dev/shm")) GTEST_SKIP() << "no /dev/shm here";
  take_direct_totals();
  const std::string folder = "/dev/shm/stockpot-direct-" + std::to_string(::getpid());
  std::filesystem::create_directory(folder);
  OutputFile file;
  file.set(folder + "/out", mebi + 5, Writing::direct);
  file.create();
  file.write(0, bytes_of(numbered(mebi / 2 + 1)));
  file.write(mebi / 2 + 1, bytes_of(numbered(mebi / 2 + 4, mebi / 2 + 1)));
  file.finish();
  const DirectSource source{PosixSource(folder + "/out")};
  EXPECT_EQ(read(source, 1, mebi), numbered(mebi, 1));
  std::filesystem::remove_all(folder);
  const DirectTotals totals = take_direct_totals();
  EXPECT_TRUE((totals.files_refused == 2 && totals.bytes_read + totals.bytes_written == 0) ||
              (totals.files_refused == 0 && totals.bytes_read == mebi));
}

/// Never refused when opened, but no such transfers.
TEST(DirectFile, ThatHasNoDirectTransfersIsRefused) {
  const int raw = ::memfd_create("nothing", MFD_CLOEXEC);
  ASSERT_GE(raw, 0);
  const Descriptor file(raw);
  take_direct_totals();
  const DirectFile direct(file, "/nowhere", O_RDONLY);
  EXPECT_FALSE(direct.is_on());
  EXPECT_EQ(take_direct_totals().first_refused, "/nowhere");
}

}  // namespace
}  // namespace stockpot::io
