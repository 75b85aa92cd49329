// Magnitudes and values as sortable integers, and the loops over them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace stockpot::methods {

/// The sortable key of a value: of its bits as float for 32-bit keys, as double (exact) for 64-bit keys.
template <class Key, class T>
constexpr Key magnitude_key(T value) {
  using Value = std::conditional_t<sizeof(Key) == 4, float, double>;
  return std::bit_cast<Key>(static_cast<Value>(value)) & (std::numeric_limits<Key>::max() >> 1);
}
template <class Key, class T>
constexpr Key value_key(T value) {
  using Value = std::conditional_t<sizeof(Key) == 4, float, double>;
  constexpr Key sign = Key{1} << (8 * sizeof(Key) - 1);
  const Key bits = std::bit_cast<Key>(static_cast<Value>(value));
  return (bits & sign) != 0 ? ~bits : bits | sign;
}

inline constexpr auto write_magnitude_keys = []<class T, class Key>(const T* values, std::size_t count, Key* keys) {
  for (std::size_t i = 0; i < count; ++i) keys[i] = magnitude_key<Key>(values[i]);
};
inline constexpr auto write_value_keys = []<class T, class Key>(const T* values, std::size_t count, Key* keys) {
  for (std::size_t i = 0; i < count; ++i) keys[i] = value_key<Key>(values[i]);
};

inline constexpr auto count_equal = []<class Key>(const Key* keys, std::size_t count, Key wanted,
                                                  std::uint64_t* equal) {
  Key found = 0;  // count is a sub-tile's at most: it fits the lanes of the keys
  for (std::size_t i = 0; i < count; ++i) found += keys[i] == wanted ? 1 : 0;
  *equal = found;
};

/// Zeroes the values whose magnitude's key is not (`inside`) or is (otherwise) in [low, high]; low > high: in nothing.
inline constexpr auto zero_by_key = []<class T, class Key>(Key low, Key high, bool inside, std::size_t count,
                                                           T* values) {
  for (std::size_t i = 0; i < count; ++i) {
    const Key key = magnitude_key<Key>(values[i]);
    values[i] = ((key >= low) & (key <= high)) == inside ? values[i] : T{0};
  }
};

/// How many keys are above one, and how many below.
inline constexpr auto count_above = []<class Key>(const Key* keys, std::size_t count, Key high, std::uint64_t* above) {
  Key found = 0;  // count is a sub-tile's at most: it fits the lanes of the keys
  for (std::size_t i = 0; i < count; ++i) found += keys[i] > high ? 1 : 0;
  *above = found;
};
inline constexpr auto count_below = []<class Key>(const Key* keys, std::size_t count, Key low, std::uint64_t* below) {
  Key found = 0;
  for (std::size_t i = 0; i < count; ++i) found += keys[i] < low ? 1 : 0;
  *below = found;
};

/// Keys from low to high, both included; low > high: none.
struct KeyRange {
  std::uint64_t low = 0;
  std::uint64_t high = std::numeric_limits<std::uint64_t>::max();
};

/// out = weight * (factor * (x - base)) where the key of the magnitude of x - base is in the range, weight * 0 elsewhere.
inline constexpr auto weigh_in_range = []<class E, class T, class Key>(const E* x, const E* base, Key low, Key high,
                                                                       T factor, T weight, std::size_t count, T* out) {
  for (std::size_t i = 0; i < count; ++i) {
    const T delta = x[i] - base[i];
    const Key key = magnitude_key<Key>(delta);
    const T kept = ((key >= low) & (key <= high)) ? delta : T{0};
    out[i] = weight * (factor * kept);
  }
};

/// Where equal keys are cut: the last word that is selected, and among equal words the last place.
struct TieCut {
  std::uint32_t word = 0;
  std::int32_t place = -1;  ///< in the run at hand; below 0: none
};

/// The same with ties by word: what equals `threshold` is selected up to the cut, the rest by [low, high].
inline constexpr auto zero_by_key_and_word = []<class T, class Key>(Key low, Key high, Key threshold, TieCut cut,
                                                                    const std::uint32_t* words, bool inside,
                                                                    std::size_t count, T* values) {
  for (std::size_t i = 0; i < count; ++i) {
    const Key key = magnitude_key<Key>(values[i]);
    const bool before_cut =
        (words[i] < cut.word) | ((words[i] == cut.word) & (static_cast<std::int32_t>(i) <= cut.place));
    const bool selected = ((key >= low) & (key <= high)) | ((key == threshold) & before_cut);
    values[i] = selected == inside ? values[i] : T{0};
  }
};

}  // namespace stockpot::methods
