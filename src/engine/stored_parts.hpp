// The stored bytes of several strips: what lies in one run of a file comes in one transfer.
#pragma once

#include <span>
#include <vector>

#include "engine/strip_io.hpp"

namespace stockpot::engine {

/// What one source has of one strip.
struct StoredPart {
  const Source* source = nullptr;
  ElementRange range;
  std::span<std::byte> memory;  ///< where it belongs; empty if that was not cut yet
};

/// Where they lie.
std::vector<const OpenStrip*> all_of(std::span<const OpenStrip> strips);

/// Of all sources of these strips, in the order in which cut_parts() lays them out.
std::vector<StoredPart> parts_of(std::span<const OpenStrip* const> strips);

/// Worker threads. Reads them: those that follow each other in a file and in memory at once.   @throws as Source::read()
void read_together(std::span<const StoredPart> parts);

/// Tells the storage that they will be wanted soon.
void will_need_together(std::span<const StoredPart> parts);

}  // namespace stockpot::engine
