#include "io/kernel_copy.hpp"

#include <gtest/gtest.h>

#include <string>

#include "io/output_file.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

constexpr std::uint64_t mebi = 1 << 20;

/// No byte is like its neighbours, and no block of 4 KiB like another.
std::string numbered(std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i * 131 + i / 251);
  return text;
}

std::string contents(const std::string& path) {
  const PosixSource file(path);
  std::string bytes(file.size(), '?');
  file.read_at(0, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

class KernelCopy : public ::testing::Test {
 protected:
  void SetUp() override {
    bytes_copied_by_kernel = 0;
    copy(KernelCopies::always, 0, 0, 5);
    if (bytes_copied_by_kernel.exchange(0) != 5) GTEST_SKIP() << "no copies by the kernel on this file system";
  }

  /// Copies `count` bytes of the input to `to` of a new file. @return the file's bytes
  std::string copy(KernelCopies when, std::uint64_t from, std::uint64_t to, std::uint64_t count) {
    OutputFile file;
    file.set(folder_ / std::to_string(++files_), mebi, Writing::cached, when);
    file.create();
    file.write(to, std::as_bytes(std::span(input_)).subspan(from, count), StoredRun{&source_, from});
    file.finish();
    return contents(file.path());
  }

  std::string expected(std::uint64_t from, std::uint64_t to, std::uint64_t count) const {
    return std::string(mebi, '\0').replace(to, count, input_, from, count);
  }

  test::TemporaryDirectory folder_;
  std::string input_ = numbered(mebi);
  PosixSource source_{folder_.write("input", input_)};
  int files_ = 0;
};

TEST_F(KernelCopy, TakesAnyPlacesWhereItIsAlwaysWanted) {
  EXPECT_EQ(copy(KernelCopies::always, 4097, 1, 300'001), expected(4097, 1, 300'001));
  EXPECT_EQ(bytes_copied_by_kernel, 300'001u);
}

TEST_F(KernelCopy, SharesWholeBlocksOrNothing) {
  EXPECT_EQ(copy(KernelCopies::shared, 4096 + 8, 8, 300'000), expected(4096 + 8, 8, 300'000));
  EXPECT_EQ(bytes_copied_by_kernel % 4096, 0u) << "none, where extents cannot be shared";
  bytes_copied_by_kernel = 0;
  EXPECT_EQ(copy(KernelCopies::shared, 16, 8, 300'000), expected(16, 8, 300'000));
  EXPECT_EQ(copy(KernelCopies::shared, 8, 8, 5'000), expected(8, 8, 5'000));
  EXPECT_EQ(bytes_copied_by_kernel, 0u) << "other places within a block, or too little";
}

TEST_F(KernelCopy, LeavesToWritingWhatTheFileNoLongerHas) {
  const std::string longer = numbered(mebi);
  const PosixSource cut(folder_.write("cut", longer.substr(0, mebi / 2)));
  OutputFile file;
  file.set(folder_ / "out", mebi, Writing::cached, KernelCopies::always);
  file.create();
  file.write(0, std::as_bytes(std::span(longer)), StoredRun{&cut, 0});
  EXPECT_EQ(contents(file.path()), longer);
  EXPECT_EQ(bytes_copied_by_kernel, mebi / 2);
}

}  // namespace
}  // namespace stockpot::io
