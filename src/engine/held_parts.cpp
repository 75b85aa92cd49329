#include "engine/held_parts.hpp"

#include <algorithm>

namespace stockpot::engine {

bool HeldParts::holds(const TensorSources& sources, ElementRange range, const StoredParts& parts,
                      std::size_t source) const {
  if (source >= held_.size()) return false;
  const auto place = sources[source].place(range);
  return place && held_[source] == Part{parts[source].data(), *place};
}

bool HeldParts::holds(const TensorSources& sources, ElementRange range, const StoredParts& parts) const {
  for (std::size_t s = 0; s < sources.size(); ++s) {
    if (!holds(sources, range, parts, s)) return false;
  }
  return true;
}

std::uint64_t HeldParts::read(const TensorSources& sources, ElementRange range, const StoredParts& parts) {
  std::uint64_t bytes = 0;
  for (std::size_t s = 0; s < sources.size(); ++s) {
    if (holds(sources, range, parts, s)) continue;
    // What is written now may reach into what later parts of another strip held.
    held_.resize(std::min(s, held_.size()));
    sources[s].read(range, parts[s]);
    bytes += parts[s].size();
    auto place = sources[s].place(range);
    if (place && held_.size() == s) held_.push_back({parts[s].data(), *std::move(place)});
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
