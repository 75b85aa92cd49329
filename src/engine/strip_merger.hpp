// The last leg of a strip: decoded, merged, encoded, digested, written, while it is in cache.
#pragma once

#include "engine/engine_context.hpp"
#include "engine/read_ahead.hpp"

namespace stockpot::engine {

/// What makes a result of a strip's sources.
struct StripMethod {
  const methods::Method* method = nullptr;  ///< nullptr: Action::copy
  methods::Notes notes = {};                ///< what it noted of the strip
  bool inputs_are_finite = false;           ///< or that is no matter: a pass has searched them
};

/// Worker threads. Merges one strip out of its stored bytes and writes it.
/// @throws Error(numeric) for non-finite results, Error(storage) from the sink.
void merge_strip(EngineContext& context, Worker& worker, const Strip& strip, const StripMethod& method,
                 const TensorSources& sources, const StoredParts& parts);

/// Worker threads. Reads the i-th strip of a run into `memory`, but for what lies there already. What will be wanted after it
/// is told to the storage, unless all of it lies there.   @param held  what `memory` holds.
StoredParts read_strip(EngineContext& context, ElementRange range, const TensorSources& sources,
                       std::span<std::byte> memory, HeldParts& held, ReadAhead& ahead, std::size_t i);

/// Calls work(part) for consecutive parts of a range, each but the last of `step` elements.
template <class Work>
void for_each_part(ElementRange range, std::uint64_t step, const Work& work) {
  for (std::uint64_t at = range.first; at < range.end(); at += step) {
    work(ElementRange{at, std::min(step, range.end() - at)});
  }
}

}  // namespace stockpot::engine
