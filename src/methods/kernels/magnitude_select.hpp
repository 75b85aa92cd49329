// Exact selection of the k largest magnitudes of very long vectors, without ever sorting or holding them.
//
// Elements are ordered by magnitude, descending, and among equal magnitudes by flat index, ascending. A radix select
// over this composite key: each pass counts one digit of the keys that are still in question, the counts of everyone
// are added, and the bin that holds the k-th element is the next digit. First the digits of the magnitude's bit pattern
// (15 and 16 bits, for double 15, 16, 16, 16), which give the threshold; then, only if not all elements at the
// threshold are wanted, digits of 16 bits of the flat index, which give the last index that is kept. What is left is a
// predicate without state: keep if |x| > threshold, or |x| == threshold and index <= cut.
//
// Bit patterns of magnitudes order like the values; NaN comes above infinity.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

#include "core/range.hpp"
#include "core/simd.hpp"
#include "methods/kernels/sub_tile.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

/// The sortable key of a magnitude: its bits as float for 32-bit keys, as double (exact) for 64-bit keys.
template <class Key, class T>
constexpr Key magnitude_key(T value) {
  using Value = std::conditional_t<sizeof(Key) == 4, float, double>;
  return std::bit_cast<Key>(static_cast<Value>(value)) & (std::numeric_limits<Key>::max() >> 1);
}

inline constexpr auto write_magnitude_keys = []<class T, class Key>(const T* values, std::size_t count, Key* keys) {
  for (std::size_t i = 0; i < count; ++i) keys[i] = magnitude_key<Key>(values[i]);
};

inline constexpr auto count_equal = []<class Key>(const Key* keys, std::size_t count, Key wanted,
                                                  std::uint64_t* equal) {
  Key found = 0;  // count is a sub-tile's at most: it fits the lanes of the keys
  for (std::size_t i = 0; i < count; ++i) found += keys[i] == wanted ? 1 : 0;
  *equal = found;
};

/// Zeroes the values whose key is below `lowest`.
inline constexpr auto drop_below = []<class T, class Key>(Key lowest, std::size_t count, T* values) {
  for (std::size_t i = 0; i < count; ++i) values[i] = magnitude_key<Key>(values[i]) >= lowest ? values[i] : T{0};
};

/// How much of a vector is selected.
struct SelectTarget {
  std::uint64_t rank =
      0;  ///< the largest `rank` elements; 0: none; all of them, without a search, if there are no more
  bool all_equal = false;  ///< and every element whose magnitude equals that of the last one; then rank <= elements
};

/// Selects from several vectors of the same length in the same passes.
class MagnitudeSelect {
 public:
  /// @param elements  length of each vector.   @param wide  64-bit keys: some values are double.
  MagnitudeSelect(std::span<const SelectTarget> targets, std::uint64_t elements, bool wide);

  /// Largest TallyShape::counts of any pass over `vectors` vectors.
  static std::size_t largest_tally(std::size_t vectors) { return vectors << 16; }

  /// What the next pass counts, or nothing when every vector has its predicate.
  std::optional<TallyShape> next_pass() const;
  /// Whether elements [first, first + count) can matter in this pass.
  bool wants(std::uint64_t first, std::uint64_t count) const;
  /// Whether this vector is still searched.
  bool searches(std::size_t vector) const { return !searches_[vector].settled; }
  /// Counts elements [first, first + count) of a vector. @pre count <= sub_tile_elements
  template <class T>
  void count(std::size_t vector, std::uint64_t first, const T* values, std::size_t count,
             std::span<std::uint64_t> counts) const;
  /// Takes the next digit of every vector that is searched.
  void conclude(std::span<const std::uint64_t> counts);

  /// Zeroes what is not selected of elements [first, first + count) of a vector.
  template <class T>
  void keep_selected(std::size_t vector, std::uint64_t first, std::size_t count, T* values) const;
  /// The magnitude of the last selected element. @pre a search was needed: 0 < rank, and all_equal or rank < elements
  double threshold(std::size_t vector) const;

 private:
  struct Digit {
    bool of_index;
    unsigned shift;
    unsigned width;
    std::uint64_t bins() const { return std::uint64_t{1} << width; }
    std::uint64_t bin(std::uint64_t key) const { return (key >> shift) & (bins() - 1); }
    /// The part of a key above this digit.
    std::uint64_t prefix(std::uint64_t key) const { return shift + width >= 64 ? 0 : key >> (shift + width); }
  };
  struct Search {
    std::uint64_t rank = 0;  ///< how many are wanted among the keys that share the digits found so far
    bool all_equal = false;
    bool settled = false;
    std::uint64_t threshold = 0;                                    ///< digits of the magnitude found so far
    std::uint64_t cut = std::numeric_limits<std::uint64_t>::max();  ///< last index kept among elements at the threshold
    std::size_t slot = 0;                                           ///< place of its counters in this pass
  };

  template <class Key>
  void count_magnitudes(const Search& search, std::span<const Key> keys, std::uint64_t* bins) const;
  template <class Key>
  void count_indices(const Search& search, std::uint64_t first, std::span<const Key> keys, std::uint64_t* bins) const;
  void take_magnitude_digit(Search& search, std::span<const std::uint64_t> bins) const;
  void take_index_digit(Search& search, std::span<const std::uint64_t> bins) const;
  void assign_slots();
  const Digit& digit() const { return digits_[pass_]; }

  bool wide_;
  std::vector<Digit> digits_;
  std::size_t pass_ = 0;
  std::vector<Search> searches_;
  std::size_t searching_ = 0;
};

template <class Key>
void MagnitudeSelect::count_magnitudes(const Search& search, std::span<const Key> keys, std::uint64_t* bins) const {
  const Digit now = digit();
  const std::uint64_t prefix = now.prefix(search.threshold);
  for (const Key key : keys) {
    if (now.prefix(key) == prefix) ++bins[now.bin(key)];
  }
}

template <class Key>
void MagnitudeSelect::count_indices(const Search& search, std::uint64_t first, std::span<const Key> keys,
                                    std::uint64_t* bins) const {
  if (keys.empty()) return;
  const Digit now = digit();
  const std::uint64_t prefix = now.prefix(search.cut);
  const auto threshold = static_cast<Key>(search.threshold);
  const std::uint64_t last = first + keys.size() - 1;
  if (first >> now.shift == last >> now.shift) {  // the usual case: all of them fall into one bin
    std::uint64_t equal = 0;
    if (now.prefix(first) == prefix) dispatch(count_equal, keys.data(), keys.size(), threshold, &equal);
    bins[now.bin(first)] += equal;
    return;
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] == threshold && now.prefix(first + i) == prefix) ++bins[now.bin(first + i)];
  }
}

template <class T>
void MagnitudeSelect::count(std::size_t vector, std::uint64_t first, const T* values, std::size_t count,
                            std::span<std::uint64_t> counts) const {
  assert(count <= sub_tile_elements);
  const Search& search = searches_[vector];
  if (search.settled) return;
  std::uint64_t* bins = counts.data() + search.slot * digit().bins();
  const auto with_keys = [&]<class Key>(Key* keys) {
    dispatch(write_magnitude_keys, values, count, keys);
    const std::span<const Key> written(keys, count);
    digit().of_index ? count_indices(search, first, written, bins) : count_magnitudes(search, written, bins);
  };
  if (wide_) {
    std::uint64_t keys[sub_tile_elements];
    with_keys(keys);
  } else {
    std::uint32_t keys[sub_tile_elements];
    with_keys(keys);
  }
}

template <class T>
void MagnitudeSelect::keep_selected(std::size_t vector, std::uint64_t first, std::size_t count, T* values) const {
  const Search& search = searches_[vector];
  assert(search.settled);
  // Up to the cut the threshold itself is kept, after it only what is above.
  const std::size_t before_cut =
      search.cut < first ? 0 : static_cast<std::size_t>(std::min<std::uint64_t>(count - 1, search.cut - first)) + 1;
  const auto drop = [&](std::uint64_t lowest, std::size_t from, std::size_t length) {
    if (wide_) return dispatch(drop_below, lowest, length, values + from);
    dispatch(drop_below, static_cast<std::uint32_t>(lowest), length, values + from);
  };
  drop(search.threshold, 0, before_cut);
  drop(search.threshold + 1, before_cut, count - before_cut);
}

}  // namespace stockpot::methods
