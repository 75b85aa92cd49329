// How much of a tensor a worker handles at once, and the memory that takes.
#pragma once

#include <cstdint>

#include "core/range.hpp"
#include "plan/plan.hpp"

namespace stockpot::plan {

/// Elements that a method sees at once: a block, or about a block of whole rows.
std::uint64_t tile_elements(const MergePlan& plan, std::uint32_t tensor);
/// Elements that are decoded and merged at once, so few that they stay in the core's cache on their way: whole rows where
/// the method sees rows.
std::uint64_t piece_elements(const MergePlan& plan, std::uint32_t tensor);
/// The same of elements that are merged or observed as they are stored: more of them fit the cache, and calls have their price.
std::uint64_t stored_piece_elements(const MergePlan& plan, std::uint32_t tensor);
/// Elements that are decoded and observed at once in a statistics pass: sums of methods of rows want whole tiles.
std::uint64_t observed_elements(const MergePlan& plan, std::uint32_t tensor);
/// How many tiles the first `elements` elements of a tensor make.
std::uint64_t tiles_of(const MergePlan& plan, std::uint32_t tensor, std::uint64_t elements);

/// Elements that a worker reads, merges and writes at once: whole tiles and whole blocks, about `chunk_bytes` of the
/// widest source or of the output.
std::uint64_t strip_elements(const MergePlan& plan, std::uint32_t tensor, std::uint64_t chunk_bytes);

/// Whether the output has fewer columns than a stored source: then rows are read one by one.
bool cuts_columns(const MergePlan& plan, std::uint32_t tensor, SourceTensor source);

/// Bytes of a strip's sources between reading and decoding, each source's part rounded up to a cache line.
/// @param elements  of the strip.
std::uint64_t stored_bytes(const MergePlan& plan, std::uint32_t tensor, std::uint64_t elements);

/// Bytes of the largest transfer that a strip takes: of the source that has most, or of the output; rounded up to a cache line.
/// Where sources and output are of one type it does not depend on how many there are.
std::uint64_t transfer_bytes(const MergePlan& plan, std::uint32_t tensor, std::uint64_t elements);

/// How many bytes of each source, and of output, small strips that are read and written together make at most: a transfer, or a
/// quarter of one where no strip is as large, for the sake of memory.
std::uint64_t bundle_bytes(const MergePlan& plan, std::uint64_t chunk_bytes);

/// What the pool holds of a unit that is kept between passes: its strips, one after the other.
/// @param elements  of the unit, or of its first strips.
std::uint64_t kept_unit_bytes(const MergePlan& plan, std::uint32_t tensor, std::uint64_t elements,
                              std::uint64_t chunk_bytes);

/// Bytes of what a method notes of one model in a strip (methods::Notes), rounded up to a cache line: nothing if it notes
/// nothing, or if its pieces, being whole rows, do not begin at multiples of 8 elements.
/// @param elements  of the strip.
std::uint64_t note_plane_bytes(const MergePlan& plan, std::uint32_t tensor, std::uint64_t elements);

/// What the pool holds of a unit's notes: those of its strips, one after the other, model by model.
/// @param elements  of the unit, or of its first strips.
std::uint64_t unit_note_bytes(const MergePlan& plan, std::uint32_t tensor, std::uint64_t elements,
                              std::uint64_t chunk_bytes);

/// What one worker holds while it carries a strip from read to write.
struct StripMemory {
  std::uint64_t stored_bytes = 0;  ///< of all sources, as they lie in their files
  std::uint64_t value_bytes = 0;   ///< of a tile: one array per source, and the result
  std::uint64_t output_bytes = 0;  ///< encoded
  std::uint64_t counts = 0;        ///< counters of one group
  std::uint64_t total() const { return stored_bytes + value_bytes + output_bytes + counts * sizeof(std::uint64_t); }
};

/// Enough for every strip of every tensor, and for small ones that make bundle_bytes() together: the largest of each part, rounded
/// up so that each part starts aligned.
StripMemory largest_strip(const MergePlan& plan, std::uint64_t chunk_bytes);

}  // namespace stockpot::plan
