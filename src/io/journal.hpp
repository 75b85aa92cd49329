// The journal of one rank in one attempt: an append-only file of 64-byte records that are believed only if they are whole.
//
//   byte  0  u32  "SPJ1"             byte 16  u64  number of the record in its file
//         4  u16  type                    24  32 bytes of payload
//         6  u16  place in its entry      56  u64  XXH3-64 of bytes 0 to 55, seeded
//         8  u16  records of the entry
//        10  u16  bytes of payload in this record
//        12  u32  subject: a unit or a group
// Little-endian. An entry is one or more records in a row. The seed is made of the plan's digest and the file's name: a
// record counts in the file that it was written to, and nowhere else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/posix_file.hpp"

namespace stockpot::io {

enum class EntryType : std::uint16_t {
  unit_done = 1,  ///< payload: digests
  pass_done = 2,  ///< payload: PassRecord
  factor = 3,     ///< payload: a float64
  revoked = 4,    ///< an earlier unit_done no longer counts
};

struct JournalEntry {
  EntryType type = EntryType::unit_done;
  std::uint32_t subject = 0;
  std::string payload;  ///< at most 1 MiB
};

inline constexpr std::size_t journal_record_bytes = 64;

/// "A003-R00012": attempt and rank. Names sort by attempt.
std::string journal_name(std::uint32_t attempt, std::uint32_t rank);
/// The attempt of a name; nothing if it is none.
std::optional<std::uint32_t> attempt_of_journal(std::string_view name);
std::uint64_t journal_seed(std::string_view plan_digest, std::string_view name);

/// Appends entries to a file of its own. One thread at a time.
class JournalWriter {
 public:
  /// Local. The file is made when something is committed.
  JournalWriter(std::string path, std::uint64_t seed) : path_(std::move(path)), seed_(seed) {}
  /// Only in memory, until commit().
  void add(const JournalEntry& entry);
  bool empty() const { return pending_.empty(); }
  /// Returns when all that was added is on storage. @throws Error(storage or no_space); none of it counts then.
  void commit();
  /// Lets go of the file. What was committed is on storage already.
  void close() { file_.reset(); }

 private:
  std::string path_;
  std::uint64_t seed_;
  std::uint64_t records_ = 0;
  std::uint64_t bytes_ = 0;
  std::string pending_;
  std::optional<PosixSink> file_;
};

struct JournalContent {
  std::vector<JournalEntry> entries;
  std::uint64_t torn_bytes = 0;  ///< from the first record that is not whole to the end
};

/// Local. Reads whatever is there; believes what is whole.
JournalContent read_journal(const std::string& path, std::uint64_t seed);
/// The same of bytes in memory.
JournalContent parse_journal(std::string_view bytes, std::uint64_t seed);

}  // namespace stockpot::io
