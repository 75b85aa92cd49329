// The order of a commit: data on storage first, then the record that says so.
#include "engine/journal_keeper.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <future>
#include <latch>

#include "core/error.hpp"
#include "support/error_of.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::engine {
namespace {

/// Counts flushes, looks at the journal at each, and fails on demand.
class WatchedSink final : public io::TensorSink {
 public:
  explicit WatchedSink(std::string journal) : journal_(std::move(journal)) {}
  void prepare(const comm::Communicator&) override {}
  void write(std::uint32_t, ElementRange, std::span<const std::byte>) override {}
  void finish(const comm::Communicator&) override {}
  std::vector<io::TensorFile> files() const override { return {}; }
  bool resumable() const override { return true; }
  void flush() override {
    ++flushes;
    records_before = std::filesystem::exists(journal_) ? std::filesystem::file_size(journal_) / 64 : 0;
    if (storage != nullptr) storage->wait();
    if (fails) throw Error(ErrorKind::storage, "lost");
  }
  int flushes = 0;
  std::uint64_t records_before = 0;
  bool fails = false;
  std::latch* storage = nullptr;  ///< what flushes wait for

 private:
  std::string journal_;
};

class JournalKeeperTest : public testing::Test {
 protected:
  std::uint64_t records() const {
    return std::filesystem::exists(log_) ? std::filesystem::file_size(log_) / io::journal_record_bytes : 0;
  }

  test::TemporaryDirectory folder_;
  std::string log_ = folder_ / (io::journal_name(1, 0) + ".log");
  JournalPlace place_{folder_.path(), "digest", 1, 0};
  WatchedSink sink_{log_};
  ReliabilityOptions rarely_{.journal_every = std::chrono::hours(1)};
  std::vector<io::Digest> digests_{1};
};

TEST_F(JournalKeeperTest, DataIsFlushedBeforeItsRecordIsWritten) {
  JournalKeeper keeper(place_, sink_, rarely_);
  for (std::uint32_t unit = 0; unit < 3; ++unit) {
    keeper.unit_done(unit, 100, digests_);
    keeper.flush([] {});
    EXPECT_EQ(sink_.flushes, static_cast<int>(unit) + 1);
    EXPECT_EQ(sink_.records_before, unit);
    EXPECT_EQ(records(), unit + 1);
  }
  EXPECT_EQ(keeper.committed_units(), 3u);
}

TEST_F(JournalKeeperTest, NothingIsCommittedBeforeItIsTimeForIt) {
  JournalKeeper keeper(place_, sink_, rarely_);
  keeper.unit_done(0, 100, digests_);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(records(), 0u);
}

TEST_F(JournalKeeperTest, EnoughBytesMakeACommit) {
  rarely_.journal_bytes = 150;
  JournalKeeper keeper(place_, sink_, rarely_);
  keeper.unit_done(0, 100, digests_);
  keeper.unit_done(1, 100, digests_);
  for (int i = 0; i < 200 && keeper.committed_units() < 2; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(records(), 2u);
}

TEST_F(JournalKeeperTest, WorkersWaitForStorageThatIsSlower) {
  rarely_.journal_bytes = 100;
  std::latch storage(1);
  sink_.storage = &storage;
  JournalKeeper keeper(place_, sink_, rarely_);
  keeper.unit_done(0, 100, digests_);
  keeper.unit_done(1, 50, digests_);  // not a commit's worth yet
  const auto next = std::async(std::launch::async, [&] { keeper.unit_done(2, 50, digests_); });
  EXPECT_EQ(next.wait_for(std::chrono::milliseconds(200)), std::future_status::timeout);
  storage.count_down();
  EXPECT_EQ(next.wait_for(std::chrono::minutes(1)), std::future_status::ready);
}

TEST_F(JournalKeeperTest, NobodyWaitsForStorageThatHasFailed) {
  rarely_.journal_bytes = 100;
  JournalKeeper keeper(place_, sink_, rarely_);
  sink_.fails = true;
  for (std::uint32_t unit = 0; unit < 3; ++unit) keeper.unit_done(unit, 100, digests_);
  EXPECT_EQ(test::error_of([&] { keeper.flush([] {}); }).kind(), ErrorKind::storage);
}

TEST_F(JournalKeeperTest, WhatCouldNotBeFlushedIsNeverRecorded) {
  JournalKeeper keeper(place_, sink_, rarely_);
  sink_.fails = true;
  keeper.unit_done(0, 100, digests_);
  EXPECT_EQ(test::error_of([&] { keeper.flush([] {}); }).kind(), ErrorKind::storage);
  sink_.fails = false;  // a second try would succeed over lost data
  keeper.unit_done(1, 100, digests_);
  EXPECT_EQ(test::error_of([&] { keeper.flush([] {}); }).kind(), ErrorKind::storage);
  EXPECT_EQ(test::error_of([&] { keeper.check(); }).kind(), ErrorKind::storage);
  EXPECT_EQ(records(), 0u);
  EXPECT_EQ(sink_.flushes, 1);
}

TEST_F(JournalKeeperTest, TotalsLieWhereTheirRecordSays) {
  JournalKeeper keeper(place_, sink_, rarely_);
  keeper.pass_done(5, 0, "first");
  keeper.pass_done(5, 1, "second");
  keeper.flush([] {});
  const auto content = io::read_journal(log_, io::journal_seed("digest", io::journal_name(1, 0)));
  ASSERT_EQ(content.entries.size(), 2u);
  const auto record = PassRecord::unpack(content.entries[1].payload);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->pass, 1u);
  EXPECT_EQ(test::bytes_of_file(folder_ / (io::journal_name(1, 0) + ".totals")).substr(record->offset, record->bytes),
            "second");
}

}  // namespace
}  // namespace stockpot::engine
