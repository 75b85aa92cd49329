// The last leg of a strip: decoded, merged, encoded, digested, written, while it is in cache.
#pragma once

#include "engine/engine_context.hpp"

namespace stockpot::engine {

/// Worker threads. Merges one strip out of its stored bytes and writes it.
/// @param method  nullptr for Action::copy.   @throws Error(numeric) for non-finite results, Error(storage) from the
/// sink.
void merge_strip(EngineContext& context, Worker& worker, const Strip& strip, const methods::Method* method,
                 const TensorSources& sources, const StoredParts& parts);

/// Worker threads. Reads a strip into the worker's own buffer.
StoredParts read_strip(EngineContext& context, Worker& worker, const Strip& strip, const TensorSources& sources);

/// Calls work(tile_range) for each tile of a strip.
template <class Work>
void for_each_tile(const plan::MergePlan& plan, const Strip& strip, const Work& work) {
  const std::uint64_t step = plan::tile_elements(plan, strip.tensor);
  for (std::uint64_t at = strip.range.first; at < strip.range.end(); at += step) {
    work(ElementRange{at, std::min(step, strip.range.end() - at)});
  }
}

}  // namespace stockpot::engine
