#include "io/read_memory.hpp"

#include <algorithm>

namespace stockpot::io {
namespace {

thread_local std::uint64_t found_here = 0;

void add(std::vector<ByteRange>& ranges, ByteRange next) {
  if (!ranges.empty() && ranges.back().end() == next.offset) {
    ranges.back().count += next.count;
  } else {
    ranges.push_back(next);
  }
}

bool contains(ByteRange whole, ByteRange part) { return whole.offset <= part.offset && part.end() <= whole.end(); }

/// Ranges of which no two overlap or touch, and one more.
void unite(std::vector<ByteRange>& ranges, ByteRange next) {
  std::erase_if(ranges, [&](ByteRange range) {
    if (range.end() < next.offset || next.end() < range.offset) return false;
    const std::uint64_t first = std::min(range.offset, next.offset);
    next = {first, std::max(range.end(), next.end()) - first};
    return true;
  });
  ranges.push_back(next);
}

}  // namespace

ReadMemory::ReadMemory(std::span<std::byte> memory, std::uint64_t piece_bytes)
    : memory_(memory), piece_bytes_(piece_bytes), pieces_(memory.size() / piece_bytes) {}

std::uint64_t ReadMemory::found_by_this_thread() { return found_here; }

std::uint32_t ReadMemory::number_of(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return files_.emplace(path, static_cast<std::uint32_t>(files_.size())).first->second;
}

template <class Use>
void ReadMemory::for_each_piece(std::uint32_t file, ByteRange range, const Use& use) const {
  for (std::uint64_t at = range.offset; at < range.end();) {
    const std::uint64_t number = at / piece_bytes_;
    const std::uint64_t end = std::min(range.end(), (number + 1) * piece_bytes_);
    use(Key{file, number}, ByteRange{at, end - at});
    at = end;
  }
}

template <class Use>
bool ReadMemory::with_held(Key key, ByteRange part, const Use& use) {
  std::size_t place = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto known = place_of_.find(key);
    if (known == place_of_.end()) return false;
    place = known->second;
  }
  Piece& piece = pieces_[place];
  const std::lock_guard lock(piece.mutex);
  if (piece.key != key) return false;  // used again since
  if (std::ranges::none_of(piece.held, [&](ByteRange held) { return contains(held, part); })) return false;
  use(std::span<const std::byte>(memory_of(place, part.offset), part.count));
  return true;
}

std::vector<ByteRange> ReadMemory::find(std::uint32_t file, std::uint64_t offset, std::span<std::byte> into) {
  std::vector<ByteRange> missing;
  for_each_piece(file, {offset, into.size()}, [&](Key key, ByteRange part) {
    const bool is_held = with_held(key, part, [&](std::span<const std::byte> bytes) {
      std::ranges::copy(bytes, into.begin() + static_cast<std::ptrdiff_t>(part.offset - offset));
    });
    if (is_held) {
      found_here += part.count;
    } else {
      add(missing, part);
    }
  });
  return missing;
}

std::vector<ByteRange> ReadMemory::missing(std::uint32_t file, ByteRange range) {
  std::vector<ByteRange> missing;
  for_each_piece(file, range, [&](Key key, ByteRange part) {
    if (!with_held(key, part, [](std::span<const std::byte>) {})) add(missing, part);
  });
  return missing;
}

void ReadMemory::keep(std::uint32_t file, std::uint64_t offset, std::span<const std::byte> bytes) {
  if (pieces_.empty()) return;
  for_each_piece(file, {offset, bytes.size()}, [&](Key key, ByteRange part) {
    std::size_t place = 0;
    {
      const std::lock_guard lock(mutex_);
      const auto [known, is_new] = place_of_.emplace(key, next_);
      place = known->second;
      if (is_new) next_ = (next_ + 1) % pieces_.size();
    }
    Piece& piece = pieces_[place];
    const std::lock_guard lock(piece.mutex);
    if (piece.key != key) {
      const std::lock_guard also(mutex_);
      if (const auto old = place_of_.find(piece.key); old != place_of_.end() && old->second == place)
        place_of_.erase(old);
      piece.key = key;
      piece.held.clear();
    }
    unite(piece.held, part);
    std::ranges::copy(bytes.subspan(part.offset - offset, part.count), memory_of(place, part.offset));
  });
}

void RememberedSource::read_at(std::uint64_t offset, std::span<std::byte> into) const {
  for (const ByteRange& range : memory_.find(number_, offset, into)) {
    const auto part = into.subspan(range.offset - offset, range.count);
    file_->read_at(range.offset, part);
    memory_.keep(number_, range.offset, part);
  }
}

void RememberedSource::will_need(ByteRange range) const {
  for (const ByteRange& missing : memory_.missing(number_, range)) file_->will_need(missing);
}

}  // namespace stockpot::io
