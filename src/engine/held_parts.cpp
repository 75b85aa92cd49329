#include "engine/held_parts.hpp"

#include <algorithm>
#include <optional>

namespace stockpot::engine {

bool HeldParts::Part::is(const StoredPart& part) const {
  if (memory != part.memory.data()) return false;
  const auto place = part.source->place(part.range);
  return place && place->range == range && place->file->path() == path;
}

std::size_t HeldParts::found(std::span<const StoredPart> parts) const {
  const std::size_t most = std::min(parts.size(), held_.size());
  std::size_t found = 0;
  while (found < most && held_[found].is(parts[found])) ++found;
  return found;
}

std::uint64_t HeldParts::read(std::span<const StoredPart> parts) {
  const std::size_t there = found(parts);
  if (there == parts.size()) return 0;
  held_.resize(there);  // what is written now may reach into what others held
  const auto missing = parts.subspan(there);
  read_together(missing);
  std::uint64_t bytes = 0;
  bool has_places = true;
  for (const StoredPart& part : missing) {
    bytes += part.memory.size();
    const auto place = has_places ? part.source->place(part.range) : std::nullopt;
    has_places = place.has_value();
    if (place) held_.push_back({part.memory.data(), place->file->path(), place->range});
  }
  return bytes;
}

KeptStrips::Wave KeptStrips::begin(std::vector<std::uint64_t> layout) {
  Wave wave{.number = ++begun_, .layout = std::move(layout), .held = {}};
  if (++under_way_ == 1) {
    last_alone_ = wave.number;
    if (wave.layout == layout_) wave.held = std::move(held_);
  } else {
    last_alone_ = 0;
  }
  wave.held.resize(wave.layout.size());
  layout_.clear();
  held_.clear();
  return wave;
}

void KeptStrips::end(Wave wave) {
  --under_way_;
  if (wave.number != last_alone_) return;
  layout_ = std::move(wave.layout);
  held_ = std::move(wave.held);
}

}  // namespace stockpot::engine
