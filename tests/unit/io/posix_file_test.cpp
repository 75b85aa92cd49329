#include "io/posix_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <span>

#include "io/small_file.hpp"
#include "support/error_of.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

using test::error_of;
using test::TemporaryDirectory;
using ::testing::HasSubstr;

std::string read(const ByteSource& source, std::uint64_t offset, std::size_t count) {
  std::string bytes(count, '?');
  source.read_at(offset, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(PosixSource, ReadsAnyRange) {
  const TemporaryDirectory folder;
  const PosixSource source(folder.write("a", "0123456789"));
  EXPECT_EQ(source.size(), 10u);
  EXPECT_EQ(read(source, 0, 10), "0123456789");
  EXPECT_EQ(read(source, 3, 4), "3456");
  EXPECT_EQ(read(source, 10, 0), "");
}

TEST(PosixSource, AFileThatEndsEarlySaysWhere) {
  const TemporaryDirectory folder;
  const PosixSource source(folder.write("a", "0123456789"));
  const Error error = error_of([&] { read(source, 6, 8); });
  EXPECT_EQ(error.class_code(), "FMT007");
  EXPECT_EQ(error.kind(), ErrorKind::corrupt_input);
  EXPECT_THAT(error.what(), HasSubstr("truncated, expected 8 bytes, got 4"));
  EXPECT_THAT(error.what(), HasSubstr("10 of 10"));
}

TEST(PosixSource, AFileThatShrinksWhileOpenIsTruncatedNotACrash) {
  const TemporaryDirectory folder;
  const PosixSource source(folder.write("a", "0123456789"));
  std::filesystem::resize_file(folder / "a", 2);
  EXPECT_EQ(error_of([&] { read(source, 0, 10); }).class_code(), "FMT007");
}

TEST(PosixSource, PositionsBeyondWhatTheSystemCountsAreRefused) {
  const TemporaryDirectory folder;
  const PosixSource source(folder.write("a", "0123456789"));
  EXPECT_EQ(error_of([&] { read(source, 0x7FFFFFFFFFFFFFFF, 2); }).class_code(), "FMT006");
  EXPECT_EQ(error_of([&] { read(source, 0xFFFFFFFFFFFFFFFF, 2); }).class_code(), "FMT006");
}

TEST(PosixSource, OnlyRegularFilesAreOpened) {
  const TemporaryDirectory folder;
  const std::string fifo = folder / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const std::string& path : {fifo, folder.path(), std::string("/dev/null")}) {
    EXPECT_EQ(error_of([&] { PosixSource{path}; }).class_code(), "FMT004") << path;
  }
}

TEST(PosixSource, AMissingFileIsBadInputNotBadStorage) {
  const TemporaryDirectory folder;
  const Error error = error_of([&] { PosixSource{folder / "none"}; });
  EXPECT_EQ(error.kind(), ErrorKind::corrupt_input);
  EXPECT_THAT(error.what(), HasSubstr("none"));
}

TEST(PosixSource, RemembersWhatFileItWas) {
  const TemporaryDirectory folder;
  const std::string path = folder.write("a", "0123");
  const StoredFile before = PosixSource(path).stored();
  folder.write("b", "0123");
  std::filesystem::rename(folder / "b", path);
  const StoredFile after = PosixSource(path).stored();
  EXPECT_EQ(before.bytes, 4u);
  EXPECT_EQ(before.path, path);
  EXPECT_NE(before.inode, after.inode);
}

TEST(PosixSource, MovesWithItsDescriptor) {
  const TemporaryDirectory folder;
  PosixSource first(folder.write("a", "0123"));
  const PosixSource second(std::move(first));
  EXPECT_EQ(read(second, 1, 2), "12");
}

TEST(PosixSink, WritesAnywhereInAFileOfTheFinalSize) {
  const TemporaryDirectory folder;
  PosixSink sink = PosixSink::create(folder / "a", 6);
  EXPECT_EQ(std::filesystem::file_size(folder / "a"), 6u);
  sink.write_at(4, bytes_of("45"));
  sink.write_at(0, bytes_of("0123"));
  sink.sync();
  sink.close();
  EXPECT_EQ(test::bytes_of_file(folder / "a"), "012345");
}

TEST(PosixSink, NeverOverwritesAndNeverFollowsALink) {
  const TemporaryDirectory folder;
  folder.write("a", "precious");
  folder.link("planted", "a");
  folder.link("dangling", "elsewhere");
  for (const char* name : {"a", "planted", "dangling"}) {
    EXPECT_EQ(error_of([&] { PosixSink::create(folder / name, 1); }).kind(), ErrorKind::storage) << name;
  }
  EXPECT_EQ(error_of([&] { PosixSink::open(folder / "planted"); }).kind(), ErrorKind::storage);
  EXPECT_EQ(test::bytes_of_file(folder / "a"), "precious");
  EXPECT_FALSE(std::filesystem::exists(folder / "elsewhere"));
}

TEST(PosixSink, OpensWhatAnotherRankMade) {
  const TemporaryDirectory folder;
  PosixSink::create(folder / "a", 4).close();
  PosixSink sink = PosixSink::open(folder / "a");
  sink.write_at(2, bytes_of("xy"));
  sink.close();
  EXPECT_EQ(test::bytes_of_file(folder / "a"), std::string("\0\0xy", 4));
}

TEST(PosixSink, AFileThatNeverAppearsIsAnErrorThatNamesIt) {
  const TemporaryDirectory folder;
  const Patience quick{.first_pause = std::chrono::milliseconds(0), .retries = 2};
  EXPECT_THAT(error_of([&] { PosixSink::open(folder / "none", quick); }).what(), HasSubstr("none"));
}

TEST(PosixSink, WhatDoesNotFitIsRefusedAtOnceAndLeavesNothing) {
  const TemporaryDirectory folder;
  rlimit former{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &former), 0);
  const auto former_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, former.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Error error = error_of([&] { PosixSink::create(folder / "a", 2000); });
  ::setrlimit(RLIMIT_FSIZE, &former);
  std::signal(SIGXFSZ, former_handler);
  EXPECT_EQ(error.kind(), ErrorKind::no_space);
  EXPECT_FALSE(std::filesystem::exists(folder / "a"));
}

TEST(PosixSink, AFullDeviceIsNoSpaceNotAShortWrite) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  PosixSink sink = PosixSink::open("/dev/full");
  EXPECT_EQ(error_of([&] { sink.write_at(0, bytes_of("x")); }).kind(), ErrorKind::no_space);
}

TEST(PosixSink, ClosingTwiceIsReported) {
  const TemporaryDirectory folder;
  PosixSink sink = PosixSink::create(folder / "a", 0);
  sink.close();
  EXPECT_EQ(error_of([&] { sink.close(); }).kind(), ErrorKind::storage);
}

TEST(SmallFile, ComesBackAsItWasWritten) {
  const TemporaryDirectory folder;
  const std::string bytes("a\0b\n", 4);
  write_file(folder / "a", bytes);
  EXPECT_EQ(read_file(folder / "a", 4), bytes);
  EXPECT_THROW(write_file(folder / "a", "other"), Error);
  EXPECT_EQ(read_file(folder / "a", 4), bytes);
}

TEST(SmallFile, OverTheLimitIsRefusedUnread) {
  const TemporaryDirectory folder;
  folder.write("a", "12345");
  EXPECT_EQ(error_of([&] { read_file(folder / "a", 4); }).class_code(), "FMT005");
}

}  // namespace
}  // namespace stockpot::io
