#include "io/zip_directory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "core/error.hpp"
#include "core/tensor.hpp"
#include "io/little_endian.hpp"

namespace stockpot::io {
namespace {

using namespace std::string_view_literals;

constexpr std::uint64_t max_list_bytes = std::uint64_t{256} << 20;
constexpr std::uint64_t max_entries = 1'000'000;
constexpr std::size_t max_name_bytes = 4096;
constexpr std::string_view end_signature = "PK\x05\x06"sv, entry_signature = "PK\x01\x02"sv,
                           local_signature = "PK\x03\x04"sv, locator_signature = "PK\x06\x07"sv,
                           zip64_signature = "PK\x06\x06"sv;
constexpr std::size_t end_bytes = 22, entry_bytes = 46, local_bytes = 30, locator_bytes = 20, zip64_bytes = 56;
constexpr std::uint64_t all_ones_16 = 0xFFFF, all_ones_32 = 0xFFFF'FFFF;

/// Where the list of entries is.
struct ListPlace {
  std::uint64_t entries = 0, bytes = 0, offset = 0;
};

/// What the list says of an entry.
struct ListedEntry {
  std::string name;
  std::uint64_t bytes = 0, local = 0;
  bool stored = true;
};

class ZipReader {
 public:
  ZipReader(const ByteSource& source, const std::string& shown) : source_(source), shown_(shown) {}

  std::vector<ZipEntry> read() {
    const ListPlace place = list_place();
    const std::vector<ListedEntry> listed = parse_list(bytes_at(place.offset, place.bytes), place);
    std::vector<ZipEntry> entries;
    entries.reserve(listed.size());
    std::uint64_t free_from = 0;
    for (const ListedEntry& entry : listed) {
      if (entry.local < free_from) refuse("FMT030", "two entries of the zip file overlap", entry.name);
      if (entries.empty() && entry.local != 0) refuse("FMT030", "bytes lie before the first entry of the zip file");
      entries.push_back(placed(entry, place.offset));
      free_from = entries.back().offset + entries.back().bytes;
    }
    return entries;
  }

 private:
  [[noreturn]] void refuse(std::string_view code, const std::string& sentence, std::string_view entry = "") const {
    Error error(ErrorKind::corrupt_input, sentence);
    error.code(code).in_file(shown_);
    if (!entry.empty()) error.with("entry", entry);
    throw error.hint("the file looks damaged or made up: compare it with the original");
  }

  /// @pre count is bounded.
  std::string bytes_at(std::uint64_t offset, std::uint64_t count) const {
    if (count > source_.size() || offset > source_.size() - count) {
      refuse("FMT030", "a part of the zip file would lie beyond its end");
    }
    std::string bytes(count, '\0');
    source_.read_at(offset, std::as_writable_bytes(std::span(bytes)));
    return bytes;
  }

  /// Most have none, and are read at their very end only.
  bool has_comment() const {
    if (source_.size() < end_bytes) return true;
    const std::string end = bytes_at(source_.size() - end_bytes, end_bytes);
    return !end.starts_with(end_signature) || little_endian(end, end_bytes - 2, 2) != 0;
  }

  ListPlace list_place() const {
    constexpr std::uint64_t tail_bytes = end_bytes + all_ones_16 + locator_bytes;
    const std::uint64_t count = std::min(source_.size(), has_comment() ? tail_bytes : end_bytes + locator_bytes);
    const std::uint64_t tail_offset = source_.size() - count;
    const std::string tail = bytes_at(tail_offset, count);
    const std::size_t end = end_record(tail);
    ListPlace place{little_endian(tail, end + 10, 2), little_endian(tail, end + 12, 4),
                    little_endian(tail, end + 16, 4)};
    if (little_endian(tail, end + 4, 2) != 0 || little_endian(tail, end + 6, 2) != 0 ||
        little_endian(tail, end + 8, 2) != place.entries) {
      refuse("FMT030", "the zip file is a part of several");
    }
    std::uint64_t limit = tail_offset + end;
    if (end >= locator_bytes && tail.substr(end - locator_bytes).starts_with(locator_signature)) {
      place = with_zip64(place, little_endian(tail, end - locator_bytes + 8, 8), limit - locator_bytes);
    }
    if (place.entries > max_entries || place.bytes > max_list_bytes) {
      refuse("FMT005", fmt::format("a list of {} entries in {} bytes is over the limit of {} entries, {} bytes",
                                   place.entries, place.bytes, max_entries, max_list_bytes));
    }
    if (place.bytes > limit || place.offset > limit - place.bytes || place.entries > place.bytes / entry_bytes) {
      refuse("FMT030", "the list of entries of the zip file does not fit the file");
    }
    return place;
  }

  /// The last record whose comment ends where the file ends.
  std::size_t end_record(std::string_view tail) const {
    for (std::size_t at = tail.rfind(end_signature); at != tail.npos; at = tail.rfind(end_signature, at - 1)) {
      if (tail.size() - at >= end_bytes && at + end_bytes + little_endian(tail, at + 20, 2) == tail.size()) return at;
      if (at == 0) break;
    }
    refuse("FMT030", "the zip file has no end: it looks truncated");
  }

  /// Values of 64 bits for those that were too large; others must agree.
  ListPlace with_zip64(const ListPlace& small, std::uint64_t offset, std::uint64_t limit) const {
    if (limit < zip64_bytes || offset > limit - zip64_bytes) refuse("FMT030", "the zip file's 64-bit end lies outside");
    const std::string end = bytes_at(offset, zip64_bytes);
    if (!end.starts_with(zip64_signature)) refuse("FMT030", "the zip file's 64-bit end is missing");
    const ListPlace large{little_endian(end, 32, 8), little_endian(end, 40, 8), little_endian(end, 48, 8)};
    const auto agree = [](std::uint64_t a, std::uint64_t all_ones, std::uint64_t b) { return a == all_ones || a == b; };
    if (!agree(small.entries, all_ones_16, large.entries) || !agree(small.bytes, all_ones_32, large.bytes) ||
        !agree(small.offset, all_ones_32, large.offset)) {
      refuse("FMT030", "the zip file has two ends that disagree");
    }
    return large;
  }

  /// @return entries in the order in which they lie in the file.
  std::vector<ListedEntry> parse_list(std::string_view list, const ListPlace& place) const {
    std::vector<ListedEntry> entries;
    entries.reserve(place.entries);  // they are in the list's bytes: list_place() has seen to that
    for (std::uint64_t i = 0; i < place.entries; ++i) entries.push_back(next_entry(list));
    if (!list.empty()) refuse("FMT030", "the list of entries of the zip file has bytes left over");
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.local < b.local; });
    return entries;
  }

  ListedEntry next_entry(std::string_view& list) const {
    if (list.size() < entry_bytes || !list.starts_with(entry_signature)) {
      refuse("FMT030", "the list of entries of the zip file is damaged");
    }
    const std::uint64_t name_bytes = little_endian(list, 28, 2), extra_bytes = little_endian(list, 30, 2);
    const std::uint64_t all = entry_bytes + name_bytes + extra_bytes + little_endian(list, 32, 2);
    if (all > list.size()) refuse("FMT030", "the list of entries of the zip file is cut off");
    ListedEntry entry{std::string(list.substr(entry_bytes, name_bytes)), little_endian(list, 20, 4),
                      little_endian(list, 42, 4),
                      (little_endian(list, 8, 2) & 1) == 0 && little_endian(list, 10, 2) == 0};
    if (entry.name.empty() || entry.name.size() > max_name_bytes) {
      refuse("FMT030", "an entry of the zip file has no name, or a very long one");
    }
    std::uint64_t unpacked = little_endian(list, 24, 4);
    widen(entry, unpacked, list.substr(entry_bytes + name_bytes, extra_bytes));
    if (entry.stored && unpacked != entry.bytes)
      refuse("FMT030", "a stored entry of the zip file has two sizes", entry.name);
    list.remove_prefix(all);
    return entry;
  }

  /// Replaces values that are all ones by those of the extra field for 64 bits, which has them in this order.
  void widen(ListedEntry& entry, std::uint64_t& unpacked, std::string_view extra) const {
    std::vector<std::uint64_t*> wanted;
    for (std::uint64_t* value : {&unpacked, &entry.bytes, &entry.local}) {
      if (*value == all_ones_32) wanted.push_back(value);
    }
    if (wanted.empty()) return;
    while (extra.size() >= 4) {
      const std::uint64_t id = little_endian(extra, 0, 2), bytes = little_endian(extra, 2, 2);
      if (bytes > extra.size() - 4) break;
      if (id == 1 && bytes >= 8 * wanted.size()) {
        for (std::size_t i = 0; i < wanted.size(); ++i) *wanted[i] = little_endian(extra, 4 + 8 * i, 8);
        return;
      }
      extra.remove_prefix(4 + bytes);
    }
    refuse("FMT030", "an entry of the zip file lacks its 64-bit sizes", entry.name);
  }

  /// Where the entry's bytes begin, which only its local header says.
  ZipEntry placed(const ListedEntry& entry, std::uint64_t list_offset) const {
    if (entry.local > list_offset || list_offset - entry.local < local_bytes + entry.name.size()) {
      refuse("FMT030", "an entry of the zip file lies in the list of entries", entry.name);
    }
    const std::string local = bytes_at(entry.local, local_bytes + entry.name.size());
    if (!local.starts_with(local_signature) || little_endian(local, 26, 2) != entry.name.size() ||
        local.substr(local_bytes) != entry.name) {
      refuse("FMT030", "an entry of the zip file is not where the list says", entry.name);
    }
    const std::uint64_t offset = entry.local + local.size() + little_endian(local, 28, 2);
    if (offset > list_offset || entry.bytes > list_offset - offset) {
      refuse("FMT030", "an entry of the zip file reaches into the list of entries", entry.name);
    }
    return {entry.name, offset, entry.bytes, entry.stored};
  }

  const ByteSource& source_;
  const std::string& shown_;
};

}  // namespace

ZipDirectory::ZipDirectory(const ByteSource& source, const std::string& shown)
    : entries_(ZipReader(source, shown).read()) {
  std::sort(entries_.begin(), entries_.end(), [](const ZipEntry& a, const ZipEntry& b) { return a.name < b.name; });
  const auto twice = std::adjacent_find(entries_.begin(), entries_.end(),
                                        [](const ZipEntry& a, const ZipEntry& b) { return a.name == b.name; });
  if (twice == entries_.end()) return;
  throw Error(ErrorKind::corrupt_input, "two entries of the zip file have the same name")
      .code("FMT030")
      .in_file(shown)
      .with("entry", twice->name)
      .hint("the file looks damaged or made up: compare it with the original");
}

const ZipEntry* ZipDirectory::find(std::string_view name) const {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), name,
                                   [](const ZipEntry& entry, std::string_view n) { return entry.name < n; });
  return at != entries_.end() && at->name == name ? &*at : nullptr;
}

}  // namespace stockpot::io
