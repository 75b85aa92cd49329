// What was read is found again, byte for byte, until there is no room for it; nothing else is ever found.
#include "io/read_memory.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <random>
#include <thread>

namespace stockpot::io {
namespace {

std::byte byte_at(const std::string& path, std::uint64_t offset) {
  return static_cast<std::byte>((offset * 13 + offset / 251 + path.size() * 101) % 256);
}

/// A file of known bytes; counts what is read and asked for.
class Known final : public ByteSource {
 public:
  Known(std::string path, std::atomic<std::uint64_t>& read, std::atomic<std::uint64_t>& told)
      : path_(std::move(path)), read_(read), told_(told) {}
  void read_at(std::uint64_t offset, std::span<std::byte> into) const override {
    read_ += into.size();
    for (std::size_t i = 0; i < into.size(); ++i) into[i] = byte_at(path_, offset + i);
  }
  void will_need(ByteRange range) const override { told_ += range.count; }
  std::uint64_t size() const override { return 1 << 20; }
  const std::string& path() const override { return path_; }

 private:
  std::string path_;
  std::atomic<std::uint64_t>& read_;
  std::atomic<std::uint64_t>& told_;
};

class ReadMemoryTest : public testing::Test {
 protected:
  static constexpr std::uint64_t piece = 64;

  RememberedSource open(const std::string& path) { return {std::make_unique<Known>(path, read_, told_), memory_}; }
  /// Reads and checks what comes. @return bytes read of the file
  std::uint64_t read(const RememberedSource& file, std::uint64_t offset, std::uint64_t count) {
    const std::uint64_t before = read_;
    std::vector<std::byte> into(count);
    file.read_at(offset, into);
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(into[i], byte_at(file.path(), offset + i)) << offset + i;
    return read_ - before;
  }

  std::vector<std::byte> bytes_ = std::vector<std::byte>(10 * piece);
  ReadMemory memory_{bytes_, piece};
  std::atomic<std::uint64_t> read_ = 0, told_ = 0;
};

TEST_F(ReadMemoryTest, WhatWasReadIsFound) {
  const RememberedSource file = open("a");
  const std::uint64_t before = ReadMemory::found_by_this_thread();
  EXPECT_EQ(read(file, 100, 300), 300u);
  EXPECT_EQ(read(file, 100, 300), 0u);
  EXPECT_EQ(read(file, 150, 20), 0u);
  EXPECT_EQ(ReadMemory::found_by_this_thread() - before, 320u);
}

TEST_F(ReadMemoryTest, OnlyWhatIsMissingIsRead) {
  const RememberedSource file = open("a");
  read(file, 2 * piece, piece);
  EXPECT_EQ(read(file, piece, 3 * piece), 2 * piece);
  EXPECT_EQ(read(file, 0, 4 * piece), piece);
}

TEST_F(ReadMemoryTest, RunsThatMeetInAPieceAreOne) {
  const RememberedSource file = open("a");
  read(file, 0, 10);
  EXPECT_EQ(read(file, 10, 20), 20u);
  EXPECT_EQ(read(file, 0, 30), 0u);
  EXPECT_EQ(read(file, 50, 5), 5u) << "apart from them";
  EXPECT_EQ(read(file, 0, 30), 0u);
  EXPECT_EQ(read(file, 0, 60), 60u) << "what lies between was not read";
  EXPECT_EQ(read(file, 0, 60), 0u);
}

TEST_F(ReadMemoryTest, FilesAreToldApart) {
  const RememberedSource one = open("a"), other = open("bb"), again = open("a");
  read(one, 0, piece);
  EXPECT_EQ(read(other, 0, piece), piece);
  EXPECT_EQ(read(again, 0, piece), 0u) << "the same file, opened once more";
}

TEST_F(ReadMemoryTest, WhatWasReadLongestAgoIsForgottenFirst) {
  const RememberedSource file = open("a");
  read(file, 0, 12 * piece);
  EXPECT_EQ(read(file, 2 * piece, 10 * piece), 0u);
  EXPECT_EQ(read(file, 0, piece), piece);
}

TEST_F(ReadMemoryTest, TheStorageIsToldOfWhatIsMissing) {
  const RememberedSource file = open("a");
  read(file, piece, piece);
  file.will_need({0, 3 * piece});
  EXPECT_EQ(told_, 2 * piece);
}

TEST_F(ReadMemoryTest, OfLessThanAPieceIsNone) {
  std::vector<std::byte> little(piece - 1);
  ReadMemory none(little, piece);
  const RememberedSource file(std::make_unique<Known>("a", read_, told_), none);
  EXPECT_EQ(read(file, 0, 100), 100u);
  EXPECT_EQ(read(file, 0, 100), 100u);
}

TEST_F(ReadMemoryTest, ThreadsNeverSeeOtherBytes) {
  const RememberedSource one = open("a"), other = open("bb");
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&, seed] {
      std::mt19937 draw(seed);
      for (int i = 0; i < 3000; ++i) {
        const RememberedSource& file = draw() % 2 == 0 ? one : other;
        const std::uint64_t offset = draw() % (20 * piece), count = 1 + draw() % (3 * piece);
        std::vector<std::byte> into(count);
        file.read_at(offset, into);
        for (std::size_t k = 0; k < count; ++k) ASSERT_EQ(into[k], byte_at(file.path(), offset + k));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace stockpot::io
