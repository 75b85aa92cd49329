#include "engine/held_parts.hpp"

#include <algorithm>

namespace stockpot::engine {

std::uint64_t HeldParts::read(const TensorSources& sources, ElementRange range, const StoredParts& parts) {
  std::uint64_t bytes = 0;
  for (std::size_t s = 0; s < sources.size(); ++s) {
    auto place = sources[s].place(range);
    if (place && s < held_.size() && held_[s] == Part{parts[s].data(), *place}) continue;
    // What is written now may reach into what later parts of another strip held.
    held_.resize(std::min(s, held_.size()));
    sources[s].read(range, parts[s]);
    bytes += parts[s].size();
    if (place && held_.size() == s) held_.push_back({parts[s].data(), *std::move(place)});
  }
  return bytes;
}

void KeptStrips::lay_out(std::vector<std::uint64_t> layout) {
  if (layout == layout_) return;
  layout_ = std::move(layout);
  held_.assign(layout_.size(), {});
}

}  // namespace stockpot::engine
