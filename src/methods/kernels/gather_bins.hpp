// From stored elements to the counters of a selection in one loop: which bins the few differences have whose magnitudes lie
// in a range. Neither differences nor keys go through memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/bfloat16.hpp"

namespace stockpot::methods {

/// A range of keys of 32-bit magnitudes, and the bin of each: (key - low) >> shift.
struct KeyBins {
  std::uint32_t low, high;  ///< both included
  unsigned shift = 0;
};

struct BinsFound {
  std::size_t inside = 0;   ///< keys in the range
  std::uint64_t above = 0;  ///< keys above it
};

/// Room that is needed behind the bins found.
inline constexpr std::size_t bin_slack = 16;

/// Writes the bins of those keys of |x - base| that lie in the range, in any order.
/// @pre count <= sub_tile_elements; all bins are below 2^16.   @param bins  room for count + bin_slack
template <class E>
BinsFound gather_bins(const E* x, const E* base, std::size_t count, const KeyBins& range, std::uint16_t* bins);

extern template BinsFound gather_bins(const Bfloat16*, const Bfloat16*, std::size_t, const KeyBins&, std::uint16_t*);
extern template BinsFound gather_bins(const float*, const float*, std::size_t, const KeyBins&, std::uint16_t*);

}  // namespace stockpot::methods
