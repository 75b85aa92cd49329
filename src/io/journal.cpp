#include "io/journal.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <span>

#include "core/error.hpp"

namespace stockpot::io {
namespace {

static_assert(std::endian::native == std::endian::little, "records are written as they lie in memory");

constexpr std::uint32_t magic = 0x314A5053;  // "SPJ1"
constexpr std::size_t payload_bytes = 32;
constexpr std::size_t checked_bytes = 56;

struct Record {
  std::uint32_t magic = stockpot::io::magic;
  std::uint16_t type = 0;
  std::uint16_t part = 0;
  std::uint16_t parts = 0;
  std::uint16_t used = 0;
  std::uint32_t subject = 0;
  std::uint64_t number = 0;
  std::array<char, payload_bytes> payload{};
  std::uint64_t check = 0;
};
static_assert(sizeof(Record) == journal_record_bytes && offsetof(Record, check) == checked_bytes);

std::uint64_t check_of(const Record& record, std::uint64_t seed) {
  return XXH3_64bits_withSeed(&record, checked_bytes, seed);
}

bool is_known(std::uint16_t type) {
  return type >= static_cast<std::uint16_t>(EntryType::unit_done) &&
         type <= static_cast<std::uint16_t>(EntryType::revoked);
}

/// Puts entries together out of records, one after the other.
class Reader {
 public:
  explicit Reader(std::uint64_t seed) : seed_(seed) {}

  /// @return false if the record is not whole: nothing after it counts.
  bool read(std::string_view bytes) {
    Record record;
    std::memcpy(&record, bytes.data(), sizeof record);
    if (record.magic != magic || record.check != check_of(record, seed_) || record.number != number_) return false;
    if (!is_known(record.type) || record.used > payload_bytes || record.part >= record.parts) return false;
    if (record.part != part_) return false;
    if (part_ == 0) {
      entry_ = {static_cast<EntryType>(record.type), record.subject, {}};
    } else if (record.subject != entry_.subject || record.type != static_cast<std::uint16_t>(entry_.type)) {
      return false;
    }
    entry_.payload.append(record.payload.data(), record.used);
    ++number_;
    if (++part_ < record.parts) return true;
    part_ = 0;
    content_.entries.push_back(std::move(entry_));
    whole_records_ = number_;
    return true;
  }

  JournalContent take(std::uint64_t file_bytes) {
    content_.torn_bytes = file_bytes - whole_records_ * journal_record_bytes;
    return std::move(content_);
  }

 private:
  std::uint64_t seed_;
  std::uint64_t number_ = 0, whole_records_ = 0;
  std::uint16_t part_ = 0;
  JournalEntry entry_;
  JournalContent content_;
};

}  // namespace

std::string journal_name(std::uint32_t attempt, std::uint32_t rank) {
  return fmt::format("A{:05}-R{:06}", attempt, rank);
}

std::optional<std::uint32_t> attempt_of_journal(std::string_view name) {
  std::uint32_t attempt = 0;
  if (!name.starts_with('A') || !name.ends_with(".log")) return std::nullopt;
  const auto [end, failure] = std::from_chars(name.data() + 1, name.data() + name.size(), attempt);
  if (failure != std::errc() || end == name.data() + name.size() || *end != '-') return std::nullopt;
  return attempt;
}

std::uint64_t journal_seed(std::string_view plan_digest, std::string_view name) {
  const std::string both = fmt::format("{}/{}", plan_digest, name);
  return XXH3_64bits(both.data(), both.size());
}

void JournalWriter::add(const JournalEntry& entry) {
  const std::size_t parts = std::max<std::size_t>(1, (entry.payload.size() + payload_bytes - 1) / payload_bytes);
  assert(parts <= 0xFFFF);
  for (std::size_t part = 0; part < parts; ++part) {
    Record record;
    record.type = static_cast<std::uint16_t>(entry.type);
    record.part = static_cast<std::uint16_t>(part);
    record.parts = static_cast<std::uint16_t>(parts);
    const std::string_view piece = std::string_view(entry.payload).substr(part * payload_bytes, payload_bytes);
    record.used = static_cast<std::uint16_t>(piece.size());
    std::ranges::copy(piece, record.payload.begin());
    record.subject = entry.subject;
    record.number = records_++;
    record.check = check_of(record, seed_);
    pending_.append(reinterpret_cast<const char*>(&record), sizeof record);
  }
}

void JournalWriter::commit() {
  if (pending_.empty()) return;
  if (!file_) file_ = PosixSink::create(path_, 0);
  file_->write_at(bytes_, std::as_bytes(std::span(pending_)));
  file_->sync_data();
  bytes_ += pending_.size();
  pending_.clear();
}

JournalContent parse_journal(std::string_view bytes, std::uint64_t seed) {
  Reader reader(seed);
  for (std::string_view left = bytes; left.size() >= journal_record_bytes; left.remove_prefix(journal_record_bytes)) {
    if (!reader.read(left)) break;
  }
  return reader.take(bytes.size());
}

JournalContent read_journal(const std::string& path, std::uint64_t seed) {
  constexpr std::size_t piece_bytes = journal_record_bytes << 14;
  const PosixSource file(path);
  Reader reader(seed);
  std::string piece;
  for (std::uint64_t at = 0; at < file.size(); at += piece.size()) {
    piece.resize(std::min<std::uint64_t>(piece_bytes, file.size() - at));
    file.read_at(at, std::as_writable_bytes(std::span(piece)));
    for (std::size_t i = 0; i + journal_record_bytes <= piece.size(); i += journal_record_bytes) {
      if (!reader.read(std::string_view(piece).substr(i, journal_record_bytes))) return reader.take(file.size());
    }
  }
  return reader.take(file.size());
}

}  // namespace stockpot::io
