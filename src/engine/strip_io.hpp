// A strip's way from stored bytes to decoded tiles: the part that statistics passes and merging have in common.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "core/error.hpp"
#include "engine/source_factory.hpp"
#include "engine/strips.hpp"
#include "engine/worker_buffers.hpp"
#include "methods/method.hpp"

namespace stockpot::engine {

/// The sources of one output tensor: the models that take part, in configuration order, then the base if there is one.
class TensorSources {
 public:
  /// @throws Error if an input file cannot be opened.
  TensorSources(const plan::MergePlan& plan, std::uint32_t tensor, const SourceFactory& factory);
  std::size_t size() const { return sources_.size(); }
  const Source& operator[](std::size_t s) const { return *sources_[s]; }
  bool has_base() const { return has_base_; }

 private:
  std::vector<std::unique_ptr<Source>> sources_;
  bool has_base_;
};

/// Stored bytes of a strip, one part per source. The memory belongs to someone else.
using StoredParts = std::vector<std::span<std::byte>>;

/// A strip, what it is made of, and where the stored bytes of that belong.
struct OpenStrip {
  OpenStrip(const plan::MergePlan& plan, const Strip& of, const SourceFactory& factory)
      : strip(of), sources(plan, of.tensor, factory) {}
  Strip strip;
  TensorSources sources;
  StoredParts parts;
};

/// Cuts `memory` into the parts of strips: what each source has of all of them lies together, so that a run of neighbours in
/// a file is one in memory, too. Each part begins at a multiple of its elements' size, and the first at one of a cache line.
/// @pre it has plan::stored_bytes() of each strip.
void cut_parts(std::span<OpenStrip> strips, std::span<std::byte> memory);

/// What is done with NaN and infinities that inputs hold.
class InputCheck {
 public:
  InputCheck(const plan::MergePlan& plan, const SourceFactory& factory) : plan_(plan), factory_(factory) {}
  /// Called when a tile of source `s` of `tensor` holds some. @throws Error(numeric, TEN030) with the first flat index
  /// and the count in that whole tensor, which it is read again for; returns under Nonfinite::propagate. Workers that find
  /// some at the same time wait, and throw what the first one does.
  void found(std::uint32_t tensor, std::size_t s) const;

 private:
  Error described(std::uint32_t tensor, std::size_t s) const;

  const plan::MergePlan& plan_;
  const SourceFactory& factory_;
  mutable std::mutex mutex_;
  mutable std::optional<Error> first_;
};

/// Decodes the tile `range` of a strip into the worker's buffers.
/// @return a tile whose pointers stay valid until the next call with the same buffers. `model_pointers` backs it.
template <class T>
methods::Tile<T> decode_tile(const methods::OutputTensor& context, std::uint32_t tensor, const TensorSources& sources,
                             const StoredParts& parts, ElementRange held, ElementRange range,
                             const WorkerBuffers& buffers, const InputCheck& check,
                             std::vector<const T*>& model_pointers);

/// The tile `range` of a strip as it is stored, where all of its sources keep it as bfloat16 and give it as it is.
/// @param check  nullptr: whether elements are finite does not matter here.
/// @return nothing: it has to be decoded.   @throws as decode_tile
std::optional<methods::Tile<Bfloat16>> stored_tile(const methods::OutputTensor& context, std::uint32_t tensor,
                                                   const TensorSources& sources, const StoredParts& parts,
                                                   ElementRange held, ElementRange range, const InputCheck* check,
                                                   std::vector<const Bfloat16*>& model_pointers);

/// What elements of any type that take so many bytes together may begin at multiples of; 1 if there are none.
inline std::uint64_t alignment_of(std::uint64_t bytes) {
  return bytes == 0 ? 1 : std::min<std::uint64_t>(sizeof(double), bytes & (~bytes + 1));
}

/// Elements between the arrays of two sources in WorkerBuffers::values(): the result comes after the last source.
template <class T>
std::uint64_t array_stride(std::uint64_t tile_elements) {
  constexpr std::uint64_t line = 64 / sizeof(T);
  return (tile_elements + line - 1) / line * line;
}

}  // namespace stockpot::engine
