// How each stage of a selection counts: templates of magnitude_select.hpp, which includes this.
#pragma once

#include "methods/kernels/magnitude_select.hpp"

namespace stockpot::methods {

template <class Key>
void MagnitudeSelect::count_keys(const Search& search, std::span<const Key> keys, const SelectRun& run,
                                 std::uint64_t* bins) const {
  switch (search.stage) {
    case Stage::list:
      return list_keys(keys, run, bins);
    case Stage::sample:
      for (const Key key : keys) ++bins[key >> search.shift];
      return;
    case Stage::value:
      return count_values(search, keys, bins);
    case Stage::place:
      return count_places(search, keys, run, bins);
    case Stage::word:
      return count_words(search, keys, run, bins);
    case Stage::index:
      return count_indices(search, keys, run, bins);
  }
}

template <class Key>
void MagnitudeSelect::list_keys(std::span<const Key> keys, const SelectRun& run, std::uint64_t* list) const {
  for (std::size_t i = 0; i < keys.size(); ++i) list[run.first + i] += keys[i];
  list[list_counters(options_) - 1] += keys.size();
  if (!options_.hashed_ties) return;
  std::uint32_t room[word_room(sub_tile_elements)];
  const std::uint32_t* words = element_words(run.ties, run.first_in_tensor, run.count, room);
  std::uint64_t* const listed = list + options_.elements + run.first;
  for (std::size_t i = 0; i < keys.size(); ++i) listed[i] += words[i];
}

template <class Key>
void MagnitudeSelect::count_values(const Search& search, std::span<const Key> keys, std::uint64_t* bins) const {
  const auto low = static_cast<Key>(search.low), high = static_cast<Key>(search.high);
  if (asks_of_all(search)) {
    for (const Key key : keys) ++bins[key >> search.shift];
    return;
  }
  Key room[sub_tile_elements + gather_slack];
  const std::size_t inside = gather_keys(keys.data(), keys.size(), low, high, room);
  for (std::size_t i = 0; i < inside; ++i) ++bins[static_cast<Key>(room[i] - low) >> search.shift];
  if (search.proven) return;
  std::uint64_t beyond = 0;
  if (search.target.order == SelectOrder::largest_first) {
    dispatch(count_above, keys.data(), keys.size(), high, &beyond);
  } else {
    dispatch(count_below, keys.data(), keys.size(), low, &beyond);
  }
  bins[bins_of(search)] += beyond;
}

template <class Key>
void MagnitudeSelect::count_places(const Search& search, std::span<const Key> keys, const SelectRun& run,
                                   std::uint64_t* bins) const {
  const auto low = static_cast<Key>(search.low), high = static_cast<Key>(search.high);
  Key found[sub_tile_elements + gather_slack], places[sub_tile_elements + gather_slack];
  const std::size_t inside = gather_places(keys.data(), keys.size(), low, high, found, places);
  for (std::size_t i = 0; i < inside; ++i) {
    const auto above = static_cast<Key>(found[i] - low);
    ++bins[(std::uint64_t{above} << search.width) + ((run.first + places[i]) >> search.shift)];
  }
}

template <class Key>
void MagnitudeSelect::count_words(const Search& search, std::span<const Key> keys, const SelectRun& run,
                                  std::uint64_t* bins) const {
  const auto threshold = static_cast<Key>(search.low);
  std::uint64_t equal = 0;
  dispatch(count_equal, keys.data(), keys.size(), threshold, &equal);
  if (equal == 0) return;
  std::uint32_t room[word_room(sub_tile_elements)];
  const std::uint32_t* words = element_words(run.ties, run.first_in_tensor, run.count, room);
  const std::uint64_t last_bin = bins_of(search) - 1, above = search.shift + search.width;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] != threshold || std::uint64_t{words[i]} >> above != search.word >> above) continue;
    ++bins[words[i] >> search.shift & last_bin];
  }
}

template <class Key>
void MagnitudeSelect::count_indices(const Search& search, std::span<const Key> keys, const SelectRun& run,
                                    std::uint64_t* bins) const {
  if (keys.empty()) return;
  const unsigned above = search.shift + search.width;
  const auto prefix = [above](std::uint64_t index) { return above >= 64 ? 0 : index >> above; };
  const auto bin = [&](std::uint64_t index) { return index >> search.shift & (bins_of(search) - 1); };
  const std::uint64_t wanted = prefix(search.index);
  const auto threshold = static_cast<Key>(search.low);
  const std::uint64_t first = run.first, last = first + keys.size() - 1;
  if (!options_.hashed_ties && first >> search.shift == last >> search.shift) {  // as a rule: one bin for all of them
    std::uint64_t equal = 0;
    if (prefix(first) == wanted) dispatch(count_equal, keys.data(), keys.size(), threshold, &equal);
    bins[bin(first)] += equal;
    return;
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] != threshold || prefix(first + i) != wanted) continue;
    if (options_.hashed_ties && run.ties.word(run.first_in_tensor + i) != search.word) continue;
    ++bins[bin(first + i)];
  }
}

}  // namespace stockpot::methods
