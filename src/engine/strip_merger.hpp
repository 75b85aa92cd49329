// The last leg of a strip: decoded, merged, encoded, digested, written, while it is in cache.
#pragma once

#include "engine/engine_context.hpp"
#include "engine/read_ahead.hpp"

namespace stockpot::engine {

/// Worker threads. Merges one strip out of its stored bytes and writes it.
/// @param method  nullptr for Action::copy.   @param notes  what it noted of the strip.   @throws Error(numeric) for non-finite results, Error(storage) from the
/// sink.
void merge_strip(EngineContext& context, Worker& worker, const Strip& strip, const methods::Method* method,
                 const TensorSources& sources, const StoredParts& parts, methods::Notes notes = {});

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
