// Tells the storage what workers will want some time after the bundle that they begin with.
//
// As many bytes ahead for small tensors as for large ones: thousands of experts of a few kilobytes come in as few transfers
// as one matrix.
#pragma once

#include <cstdint>
#include <mutex>

#include "engine/engine_context.hpp"
#include "engine/strips.hpp"

namespace stockpot::engine {

/// Of one run over strips.
class ReadAhead {
 public:
  /// Both must outlive it.
  ReadAhead(const EngineContext& context, const Strips& strips);
  /// Worker threads. A worker begins with bundle `b`, which it will read.
  void begin(std::size_t b);

 private:
  const EngineContext& context_;
  const Strips& strips_;
  std::uint64_t distance_;  // bytes of all inputs
  std::mutex mutex_;
  std::size_t next_ = 0;     // the first that was not told yet
  std::uint64_t ahead_ = 0;  // bytes of those that were told and have not begun
};

}  // namespace stockpot::engine
