// A journal: a byte that says where records are mended, then the file. With an odd one every record gets the checksum and
// the number that it should have: changed bytes get past them, to the rules behind.
#include <xxhash.h>

#include <cstring>

#include "fuzz.hpp"
#include "io/journal.hpp"

namespace {

constexpr std::uint64_t seed = 42;
constexpr std::size_t number_at = 16, check_at = 56;

std::string mended(std::string bytes) {
  std::uint64_t number = 0;
  for (std::size_t at = 0; at + stockpot::io::journal_record_bytes <= bytes.size();
       at += stockpot::io::journal_record_bytes, ++number) {
    std::memcpy(&bytes[at + number_at], &number, sizeof number);
    const std::uint64_t check = XXH3_64bits_withSeed(&bytes[at], check_at, seed);
    std::memcpy(&bytes[at + check_at], &check, sizeof check);
  }
  return bytes;
}

}  // namespace

void stockpot::fuzz::target(std::string_view input) {
  if (input.empty()) return;
  const std::string bytes =
      (input.front() & 1) != 0 ? mended(std::string(input.substr(1))) : std::string(input.substr(1));
  const io::JournalContent content = io::parse_journal(bytes, seed);
  require(content.torn_bytes <= bytes.size(), "no more is torn than there is");
  const std::uint64_t whole_bytes = bytes.size() - content.torn_bytes;
  require(whole_bytes % io::journal_record_bytes == 0, "what counts are whole records");
  std::uint64_t payload = 0;
  for (const io::JournalEntry& entry : content.entries) payload += entry.payload.size();
  require(payload <= whole_bytes / 2, "a record holds 32 bytes of payload at most");
  require(content.entries.size() <= whole_bytes / io::journal_record_bytes, "an entry takes a record at least");

  const io::JournalContent again = io::parse_journal(std::string_view(bytes).substr(0, whole_bytes), seed);
  require(again.torn_bytes == 0 && again.entries.size() == content.entries.size(),
          "what counts does not depend on the rest");
  require(io::parse_journal(bytes, seed + 1).entries.empty(), "records of another file count for nothing");
}
