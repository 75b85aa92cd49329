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

std::vector<HeldParts> KeptStrips::begin(const std::vector<std::uint64_t>& layout) {
  std::vector<HeldParts> held;
  if (under_way_ == 0 && layout == layout_) held = std::move(held_);
  held.resize(layout.size());
  ++under_way_;
  layout_.clear();
  held_.clear();
  return held;
}

void KeptStrips::end(std::vector<std::uint64_t> layout, std::vector<HeldParts> held) {
  if (--under_way_ > 0) return;
  layout_ = std::move(layout);
  held_ = std::move(held);
}

}  // namespace stockpot::engine
