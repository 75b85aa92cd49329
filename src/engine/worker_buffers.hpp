// What one worker needs to carry a strip from read to write, made once from the pool and used for every strip.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/memory_pool.hpp"
#include "plan/schedule.hpp"

namespace stockpot::engine {

class WorkerBuffers {
 public:
  WorkerBuffers(MemoryPool& pool, const plan::StripMemory& largest);

  /// Room for the stored bytes of all sources of a strip.
  std::span<std::byte> stored() const { return memory_.as<std::byte>(0, sizes_.stored_bytes); }
  /// Room for the decoded values of all sources of a tile, and of the result.
  template <class T>
  std::span<T> values() const {
    return memory_.as<T>(sizes_.stored_bytes, sizes_.value_bytes / sizeof(T));
  }
  /// Room for the encoded bytes of a strip.
  std::span<std::byte> encoded() const {
    return memory_.as<std::byte>(sizes_.stored_bytes + sizes_.value_bytes, sizes_.output_bytes);
  }
  /// Counters of one group, before they are added to the group's.
  std::span<std::uint64_t> counts() const {
    return memory_.as<std::uint64_t>(sizes_.stored_bytes + sizes_.value_bytes + sizes_.output_bytes, sizes_.counts);
  }

 private:
  plan::StripMemory sizes_;
  PoolBuffer memory_;
};

}  // namespace stockpot::engine
