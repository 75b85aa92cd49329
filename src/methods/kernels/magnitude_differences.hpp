// How a selection counts differences of stored elements: templates of magnitude_select.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "methods/kernels/element_loops.hpp"
#include "methods/kernels/gather_bins.hpp"
#include "methods/kernels/magnitude_select.hpp"

namespace stockpot::methods {

template <class E>
void MagnitudeSelect::count_differences(std::size_t vector, const SelectRun& run, const E* x, const E* base,
                                        std::span<std::uint64_t> counts) const {
  bool needs_values = false;
  for (const Slot& slot : slots_) {
    const Search& search = searches_[slot.leader];
    if (search.target.vector != vector) continue;
    if (!asks_of_range(search)) {
      needs_values = needs_values || concerns(search, run.first, run.count);
    } else if constexpr (!std::is_same_v<E, double>) {
      count_range(search, run, x, base, counts.data() + slot.first);
    }
  }
  if (!needs_values) return;
  ValueOf<E> values[sub_tile_elements];
  dispatch(subtract, x, base, run.count, &values[0]);
  count_where<ValueOf<E>>(vector, run, values, counts, [&](const Search& search) { return !asks_of_range(search); });
}

template <class E>
void MagnitudeSelect::count_range(const Search& search, const SelectRun& run, const E* x, const E* base,
                                  std::uint64_t* bins) const {
  std::uint16_t found[sub_tile_elements + bin_slack];
  KeyBins range{.low = static_cast<std::uint32_t>(search.low), .high = static_cast<std::uint32_t>(search.high)};
  if (search.stage == Stage::value) {
    range.shift = search.shift;
    const BinsFound result = gather_bins(x, base, run.count, range, found);
    for (std::size_t k = 0; k < result.inside; ++k) ++bins[found[k]];
    if (search.proven) return;
    const bool largest = search.target.order == SelectOrder::largest_first;
    bins[bins_of(search)] += largest ? result.above : run.count - result.inside - result.above;
    return;
  }
  for (std::size_t at = 0; at < run.count;) {  // as a rule, all elements of a run are in the same bin of places
    const std::uint64_t place = (run.first + at) >> search.shift;
    const std::uint64_t next = ((place + 1) << search.shift) - run.first;
    const std::size_t end = static_cast<std::size_t>(std::min<std::uint64_t>(run.count, next));
    const BinsFound result = gather_bins(x + at, base + at, end - at, range, found);
    for (std::size_t k = 0; k < result.inside; ++k) ++bins[(std::size_t{found[k]} << search.width) + place];
    at = end;
  }
}

}  // namespace stockpot::methods
