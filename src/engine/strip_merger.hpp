// The first and the last leg of strips: read; decoded, merged, encoded, digested, written, while they are in cache.
#pragma once

#include <span>
#include <vector>

#include "engine/engine_context.hpp"
#include "engine/read_ahead.hpp"

namespace stockpot::engine {

/// What makes a result of a strip's sources.
struct StripMethod {
  const methods::Method* method = nullptr;  ///< nullptr: Action::copy
  methods::Notes notes = {};                ///< what it noted of the strip
  bool inputs_are_finite = false;           ///< or that is no matter: a pass has searched them
};

/// Worker threads. The strips of a bundle, merged one after the other and then written together.
class MergedStrips {
 public:
  /// @param strips  of the whole bundle. Everything must outlive it.
  MergedStrips(EngineContext& context, Worker& worker, std::size_t strips)
      : context_(context), worker_(worker), alone_(strips == 1) {}

  /// Merges a strip out of its stored bytes, which stay where they are until all are written.
  /// @throws Error(numeric) for non-finite results.
  void add(const OpenStrip& open, const StripMethod& method);
  /// @throws Error(storage) from the sink.
  void write();

 private:
  struct Merged {
    const OpenStrip* open;
    io::EncodedRange encoded;
    io::DigestTree digests;
  };
  /// Where the result of a strip belongs: where it is alone, bytes that are copied are not moved.
  std::span<std::byte> place_of(const OpenStrip& open, bool is_copied);

  EngineContext& context_;
  Worker& worker_;
  bool alone_;
  std::uint64_t at_ = 0;  // of the worker's memory for encoded elements
  std::vector<Merged> merged_;
};

/// Opens the strips of a bundle, and cuts `memory` into their parts.
std::vector<OpenStrip> open_strips(const EngineContext& context, std::span<const Strip> strips,
                                   std::span<std::byte> memory);

/// Worker threads. Reads strips of the b-th bundle of a run, but for what lies in memory already. What will be wanted after them
/// is told to the storage, unless all of it lies there.   @param held  what their memory holds.
void read_strips(EngineContext& context, std::span<const OpenStrip* const> strips, HeldParts& held, ReadAhead& ahead,
                 std::size_t b);

/// Calls work(part) for consecutive parts of a range, each but the last of `step` elements.
template <class Work>
void for_each_part(ElementRange range, std::uint64_t step, const Work& work) {
  for (std::uint64_t at = range.first; at < range.end(); at += step) {
    work(ElementRange{at, std::min(step, range.end() - at)});
  }
}

}  // namespace stockpot::engine
