#include "io/journal.hpp"

#include <gmock/gmock.h>

#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

using test::bytes_of_file;
using test::TemporaryDirectory;

constexpr std::uint64_t seed = 42;

/// Three entries of one, two and one records: 256 bytes.
std::string three_entries(const std::string& path) {
  JournalWriter journal(path, seed);
  journal.add({EntryType::unit_done, 7, std::string(16, 'a')});
  journal.add({EntryType::pass_done, 8, std::string(40, 'b')});
  journal.add({EntryType::revoked, 9, ""});
  journal.commit();
  return bytes_of_file(path);
}

class Journal : public testing::Test {
 protected:
  TemporaryDirectory folder;
  std::string path = folder / "A00001-R000000.log";
};

TEST_F(Journal, GivesBackWhatWasCommitted) {
  EXPECT_EQ(three_entries(path).size(), 256u);
  const JournalContent content = read_journal(path, seed);
  ASSERT_EQ(content.entries.size(), 3u);
  EXPECT_EQ(content.entries[0].subject, 7u);
  EXPECT_EQ(content.entries[0].payload, std::string(16, 'a'));
  EXPECT_EQ(content.entries[1].type, EntryType::pass_done);
  EXPECT_EQ(content.entries[1].payload, std::string(40, 'b'));
  EXPECT_EQ(content.entries[2].payload, "");
  EXPECT_EQ(content.torn_bytes, 0u);
}

TEST_F(Journal, CutAnywhereHoldsTheEntriesBeforeTheCut) {
  const std::string whole = three_entries(path);
  for (std::size_t bytes = 0; bytes <= whole.size(); ++bytes) {
    const JournalContent content = parse_journal(whole.substr(0, bytes), seed);
    const std::size_t entries = bytes < 64 ? 0 : bytes < 192 ? 1 : bytes < 256 ? 2 : 3;
    const std::size_t believed = entries == 0 ? 0 : entries == 1 ? 64 : entries == 2 ? 192 : 256;
    EXPECT_EQ(content.entries.size(), entries) << bytes;
    EXPECT_EQ(content.torn_bytes, bytes - believed) << bytes;
  }
}

TEST_F(Journal, AChangedBitEndsIt) {
  const std::string whole = three_entries(path);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    EXPECT_LT(parse_journal(changed, seed).entries.size(), 3u) << at;
  }
}

TEST_F(Journal, RecordsOfAnotherFileDoNotCount) {
  const std::string whole = three_entries(path);
  EXPECT_TRUE(parse_journal(whole, seed + 1).entries.empty());
  EXPECT_NE(journal_seed("plan", "A00001-R000000"), journal_seed("plan", "A00001-R000001"));
  EXPECT_NE(journal_seed("plan", "A00001-R000000"), journal_seed("nalp", "A00001-R000000"));
}

TEST_F(Journal, RecordsOutOfOrderDoNotCount) {
  const std::string whole = three_entries(path);
  EXPECT_EQ(parse_journal(whole.substr(0, 64) + whole.substr(192), seed).entries.size(), 1u);
  EXPECT_TRUE(parse_journal(whole.substr(64), seed).entries.empty());
}

TEST_F(Journal, GrowsByCommits) {
  JournalWriter journal(path, seed);
  journal.commit();
  EXPECT_FALSE(std::filesystem::exists(path)) << "nothing to say, no file";
  for (std::uint32_t unit = 0; unit < 3; ++unit) {
    journal.add({EntryType::unit_done, unit, "digest"});
    journal.commit();
    EXPECT_EQ(read_journal(path, seed).entries.size(), unit + 1);
  }
}

TEST(JournalName, SaysItsAttempt) {
  EXPECT_EQ(attempt_of_journal(journal_name(3, 12) + ".log"), 3u);
  for (const char* other : {"A00003-R000012.totals", "A-R.log", "B00003-R000012.log", "A3.log", ""}) {
    EXPECT_EQ(attempt_of_journal(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace stockpot::io
