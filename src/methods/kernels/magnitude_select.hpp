// Exact order statistics of very long vectors, without ever sorting or holding them: the k largest or smallest
// elements, or just the value of the k-th.
//
// A radix select over a composite key: the value's bit pattern first, then what orders equal values: the element's
// random word if ties are hashed, then its flat index, ascending. Each pass counts one digit of the keys that are still
// in question, the counts of everyone are added, and the bin that holds the wanted element is the next digit. Digits of
// the value give the threshold; digits of word and index come only if some, but not all, elements at the threshold are
// wanted. What is left is a predicate without state: beyond the threshold, or at it and not after the cut.
//
// Targets on one vector share counters as long as their digits agree: in the first pass always.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

#include "core/random.hpp"
#include "core/range.hpp"
#include "core/simd.hpp"
#include "methods/kernels/magnitude_keys.hpp"
#include "methods/kernels/random_words.hpp"
#include "methods/kernels/sub_tile.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

/// What elements are ordered by.
enum class SelectKey {
  magnitude,  ///< |x|; NaN is above infinity
  value,      ///< x; -0 is below 0, NaN beyond the infinity of its sign
};

enum class SelectOrder { largest_first, smallest_first };

/// The first `rank` elements of a vector in an order. Equal ones are taken in ascending order of word and index.
struct SelectTarget {
  std::size_t vector = 0;
  std::uint64_t rank = 0;  ///< 0: none; all of them, without a search, if there are no more and all_equal is false
  SelectOrder order = SelectOrder::largest_first;
  bool all_equal =
      false;  ///< and every element that equals the last one: needs no tie passes; then 0 < rank <= elements
};

struct SelectOptions {
  std::uint64_t elements = 0;  ///< of each vector
  bool wide = false;           ///< 64-bit keys: some values are double
  SelectKey key = SelectKey::magnitude;
  bool hashed_ties = false;
};

/// A run of elements of one vector.
struct SelectRun {
  std::uint64_t first = 0;  ///< in the vector
  std::size_t count = 0;    ///< at most sub_tile_elements
  std::uint64_t first_in_tensor = 0;
  RandomStream ties = {};  ///< of its tensor; used only if ties are hashed
};

class MagnitudeSelect {
 public:
  MagnitudeSelect(std::span<const SelectTarget> targets, SelectOptions options);

  /// Largest TallyShape::counts of any pass.
  static std::size_t largest_tally(std::size_t targets) { return targets << 16; }
  /// Passes as a rule: the digits of a value, and one for ties if there may be a cut.
  static constexpr int value_passes = 2;

  /// What the next pass counts, or nothing when every target is found.
  std::optional<TallyShape> next_pass() const;
  /// Whether elements [first, first + count) can matter in this pass.
  bool wants(std::uint64_t first, std::uint64_t count) const;
  /// Whether any target of this vector is still searched.
  bool searches(std::size_t vector) const;
  /// Counts a run of a vector.
  template <class T>
  void count(std::size_t vector, const SelectRun& run, const T* values, std::span<std::uint64_t> counts) const;
  /// Takes the next digit of every target that is searched.
  void conclude(std::span<const std::uint64_t> counts);
  /// Changes how many elements a target wants. Before the first conclude() only.
  void set_rank(std::size_t target, std::uint64_t rank);

  /// Zeroes what a target does not select, or what it does. Magnitudes only. @pre next_pass() is empty
  template <class T>
  void keep_selected(std::size_t target, const SelectRun& run, T* values) const {
    zero_where(target, run, true, values);
  }
  template <class T>
  void drop_selected(std::size_t target, const SelectRun& run, T* values) const {
    zero_where(target, run, false, values);
  }
  /// The keys of what a target selects of a run, if these alone decide: no cut falls into it. Magnitudes only.
  std::optional<KeyRange> selected_keys(std::size_t target, const SelectRun& run) const;
  bool wide() const { return options_.wide; }
  /// The last selected element: its magnitude or its value. @pre a search was needed: 0 < rank, and all_equal or rank <
  /// elements
  double threshold(std::size_t target) const;

 private:
  enum class Part { value, word, index };
  struct Digit {
    Part part;
    unsigned shift;
    unsigned width;
    std::uint64_t bins() const { return std::uint64_t{1} << width; }
    std::uint64_t bin(std::uint64_t key) const { return (key >> shift) & (bins() - 1); }
    /// The part of a key above this digit.
    std::uint64_t prefix(std::uint64_t key) const { return shift + width >= 64 ? 0 : key >> (shift + width); }
  };
  struct Search {
    SelectTarget target;
    std::uint64_t left = 0;  ///< how many are wanted among the keys that share the digits found so far
    bool settled = false;
    bool none = false, all = false;  ///< selects nothing, everything: the rest is meaningless
    std::uint64_t threshold = 0;     ///< digits of the value found so far
    std::uint64_t word = std::numeric_limits<std::uint32_t>::max();   ///< last word selected among equals
    std::uint64_t index = std::numeric_limits<std::uint64_t>::max();  ///< last index selected among equal words
    std::size_t slot = 0;                                             ///< place of its counters in this pass
  };

  void begin(Search& search);
  void assign_slots();
  bool same_digits(const Search& a, const Search& b) const;
  void take_value_digit(Search& search, std::span<const std::uint64_t> bins) const;
  void take_tie_digit(Search& search, std::span<const std::uint64_t> bins) const;
  template <class Key>
  void count_values(const Search& search, std::span<const Key> keys, std::uint64_t* bins) const;
  template <class Key>
  void count_words(const Search& search, std::span<const Key> keys, const SelectRun& run, std::uint64_t* bins) const;
  template <class Key>
  void count_indices(const Search& search, std::span<const Key> keys, const SelectRun& run, std::uint64_t* bins) const;
  template <class T>
  void zero_where(std::size_t target, const SelectRun& run, bool inside, T* values) const;
  template <class Key, class T>
  void zero_where_keyed(const Search& search, const SelectRun& run, bool inside, T* values) const;
  const Digit& digit() const { return digits_[pass_]; }

  SelectOptions options_;
  std::vector<Digit> digits_;
  std::size_t pass_ = 0;
  std::vector<Search> searches_;
  std::vector<std::size_t> leaders_;  // of each slot, the first search that uses it
};

template <class Key>
void MagnitudeSelect::count_values(const Search& search, std::span<const Key> keys, std::uint64_t* bins) const {
  const Digit now = digit();
  const std::uint64_t prefix = now.prefix(search.threshold);
  if (pass_ == 0) {
    for (const Key key : keys) ++bins[key >> now.shift];
    return;
  }
  // As a rule few keys share the digits found so far: most chunks have none.
  std::uint8_t found[sub_tile_elements / keys_per_chunk];
  const std::size_t whole = keys.size() / keys_per_chunk * keys_per_chunk;
  dispatch(find_prefix, keys.data(), whole, static_cast<Key>(prefix), now.shift + now.width,
           static_cast<std::uint8_t*>(found));
  const auto count_from = [&](std::size_t first, std::size_t end) {
    for (std::size_t i = first; i < end; ++i) {
      if (now.prefix(keys[i]) == prefix) ++bins[now.bin(keys[i])];
    }
  };
  for (std::size_t chunk = 0; chunk < whole / keys_per_chunk; ++chunk) {
    if (found[chunk] != 0) count_from(chunk * keys_per_chunk, (chunk + 1) * keys_per_chunk);
  }
  count_from(whole, keys.size());
}

template <class Key>
void MagnitudeSelect::count_words(const Search& search, std::span<const Key> keys, const SelectRun& run,
                                  std::uint64_t* bins) const {
  const Digit now = digit();
  const auto threshold = static_cast<Key>(search.threshold);
  std::uint64_t equal = 0;
  dispatch(count_equal, keys.data(), keys.size(), threshold, &equal);
  if (equal == 0) return;
  std::uint32_t room[word_room(sub_tile_elements)];
  const std::uint32_t* words = element_words(run.ties, run.first_in_tensor, run.count, room);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] == threshold && now.prefix(words[i]) == now.prefix(search.word)) ++bins[now.bin(words[i])];
  }
}

template <class Key>
void MagnitudeSelect::count_indices(const Search& search, std::span<const Key> keys, const SelectRun& run,
                                    std::uint64_t* bins) const {
  if (keys.empty()) return;
  const Digit now = digit();
  const std::uint64_t prefix = now.prefix(search.index);
  const auto threshold = static_cast<Key>(search.threshold);
  const std::uint64_t first = run.first, last = first + keys.size() - 1;
  if (!options_.hashed_ties && first >> now.shift == last >> now.shift) {  // the usual case: one bin for all of them
    std::uint64_t equal = 0;
    if (now.prefix(first) == prefix) dispatch(count_equal, keys.data(), keys.size(), threshold, &equal);
    bins[now.bin(first)] += equal;
    return;
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] != threshold || now.prefix(first + i) != prefix) continue;
    if (options_.hashed_ties && run.ties.word(run.first_in_tensor + i) != search.word) continue;
    ++bins[now.bin(first + i)];
  }
}

template <class T>
void MagnitudeSelect::count(std::size_t vector, const SelectRun& run, const T* values,
                            std::span<std::uint64_t> counts) const {
  assert(run.count <= sub_tile_elements);
  if (!searches(vector)) return;
  const auto with_keys = [&]<class Key>(Key* keys) {
    if (options_.key == SelectKey::magnitude) {
      dispatch(write_magnitude_keys, values, run.count, keys);
    } else {
      dispatch(write_value_keys, values, run.count, keys);
    }
    const std::span<const Key> written(keys, run.count);
    for (const std::size_t leader : leaders_) {
      const Search& search = searches_[leader];
      if (search.target.vector != vector) continue;
      std::uint64_t* bins = counts.data() + search.slot * digit().bins();
      switch (digit().part) {
        case Part::value:
          count_values(search, written, bins);
          break;
        case Part::word:
          count_words(search, written, run, bins);
          break;
        case Part::index:
          count_indices(search, written, run, bins);
          break;
      }
    }
  };
  if (options_.wide) {
    std::uint64_t keys[sub_tile_elements];
    with_keys(keys);
  } else {
    std::uint32_t keys[sub_tile_elements];
    with_keys(keys);
  }
}

template <class T>
void MagnitudeSelect::zero_where(std::size_t target, const SelectRun& run, bool inside, T* values) const {
  assert(options_.key == SelectKey::magnitude && run.count <= sub_tile_elements);
  const Search& search = searches_[target];
  assert(search.settled);
  if (search.all == inside && (search.all || search.none)) return;
  if (search.all || search.none) {
    std::fill_n(values, run.count, T{0});
  } else if (options_.wide) {
    zero_where_keyed<std::uint64_t>(search, run, inside, values);
  } else {
    zero_where_keyed<std::uint32_t>(search, run, inside, values);
  }
}

template <class Key, class T>
void MagnitudeSelect::zero_where_keyed(const Search& search, const SelectRun& run, bool inside, T* values) const {
  constexpr Key greatest = std::numeric_limits<Key>::max() >> 1;
  const auto threshold = static_cast<Key>(search.threshold);
  const bool largest = search.target.order == SelectOrder::largest_first;
  // Keys that are selected wherever they stand; and, at and before the cut, the threshold itself as well.
  const Key low_beyond = largest ? threshold + 1 : (threshold == 0 ? 1 : 0);
  const Key high_beyond = largest ? greatest : (threshold == 0 ? 0 : threshold - 1);
  const Key low = largest ? threshold : 0, high = largest ? greatest : threshold;
  const std::size_t before_cut =
      search.index < run.first
          ? 0
          : static_cast<std::size_t>(std::min<std::uint64_t>(run.count - 1, search.index - run.first)) + 1;
  if (!options_.hashed_ties || search.target.all_equal) {
    dispatch(zero_by_key, low, high, inside, before_cut, values);
    dispatch(zero_by_key, low_beyond, high_beyond, inside, run.count - before_cut, values + before_cut);
    return;
  }
  std::uint32_t room[word_room(sub_tile_elements)];
  const std::uint32_t* words = element_words(run.ties, run.first_in_tensor, run.count, room);
  const TieCut cut{static_cast<std::uint32_t>(search.word), static_cast<std::int32_t>(before_cut) - 1};
  dispatch(zero_by_key_and_word, low_beyond, high_beyond, threshold, cut, words, inside, run.count, values);
}

}  // namespace stockpot::methods
