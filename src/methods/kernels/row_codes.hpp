// The loops of row_ranks.hpp: magnitudes of a row become keys, keys codes of 16 bits, codes the numbers of bins; and how
// many are before an element.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "methods/kernels/magnitude_keys.hpp"

namespace stockpot::methods {

/// So many bins, the first ones, are for zeros: one counter would make them wait for each other.
inline constexpr std::uint32_t bins_for_zeros = 16;

/// Codes cover 2^3 octaves; magnitudes beyond share the first or the last code.
inline constexpr unsigned octave_bits = 3;
inline constexpr unsigned code_mantissa_bits = 12;
inline constexpr std::int32_t last_code_number = (1 << (octave_bits + code_mantissa_bits)) - 1;

template <class Key>
constexpr unsigned stored_mantissa_bits = sizeof(Key) == 4 ? 23 : 52;

/// How keys become codes of 16 bits that are ordered as they are: 3 bits of the exponent, 12 of the mantissa, and one that
/// says whether that was not all: elements whose codes have it may differ although these are equal.
struct CodeLayout {
  unsigned shift;      ///< bits of a key below those of the code
  std::int32_t low;    ///< what is left of the lowest key whose octave has codes
  unsigned bin_shift;  ///< bits of a code below the bin's number
};

/// Of all keys: their exponents added up, and how many are not 0.
struct KeySums {
  std::uint64_t exponents = 0;
  std::uint64_t nonzero = 0;
};

/// keys[i] = key of the magnitude of difference(i)
template <class Key, class Difference>
inline void write_keys(std::size_t count, const Difference& difference, Key* keys, KeySums* sums) {
  constexpr std::size_t most = std::size_t{1} << 16;  // at once: their sums fit the lanes of the keys
  for (std::size_t first = 0; first < count; first += most) {
    const std::size_t end = std::min(first + most, count);
    Key exponents = 0, nonzero = 0;
    for (std::size_t i = first; i < end; ++i) {
      const Key key = magnitude_key<Key>(difference(i));
      keys[i] = key;
      exponents += key >> stored_mantissa_bits<Key>;
      nonzero += key != 0 ? 1 : 0;
    }
    sums->exponents += exponents;
    sums->nonzero += nonzero;
  }
}
inline constexpr auto write_keys_of_values = []<class T, class Key>(const T* values, std::size_t count, Key* keys,
                                                                    KeySums* sums) {
  write_keys(
      count, [=](std::size_t i) { return values[i]; }, keys, sums);
};
inline constexpr auto write_keys_of_differences = []<class E, class Key>(const E* x, const E* base, std::size_t count,
                                                                         Key* keys, KeySums* sums) {
  write_keys(
      count, [=](std::size_t i) { return x[i] - base[i]; }, keys, sums);
};

/// Zeros have code 0, and only they.
inline constexpr auto write_codes = []<class Key>(const Key* __restrict keys, CodeLayout layout, std::size_t count,
                                                  std::uint16_t* __restrict codes) {
  const Key left_out = (Key{1} << layout.shift) - 1;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t number = static_cast<std::int32_t>(keys[i] >> layout.shift) - layout.low;
    const std::int32_t at_least = number < 1 ? 0 : number;
    const std::int32_t inside = at_least < last_code_number ? at_least : last_code_number;
    const bool not_all = ((keys[i] & left_out) != 0) | (inside != number) | (number == 0);
    const std::int32_t code = inside * 2 + static_cast<std::int32_t>(not_all);
    codes[i] = static_cast<std::uint16_t>(keys[i] == 0 ? 0 : code);
  }
};

/// Zeros, of which there may be many, are dealt to the first bins.
inline constexpr auto write_bins = [](const std::uint16_t* __restrict codes, unsigned bin_shift, std::size_t count,
                                      std::uint16_t* __restrict bins) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t for_zero = static_cast<std::uint32_t>(i) % bins_for_zeros;
    const std::uint32_t bin = bins_for_zeros + (std::uint32_t{codes[i]} >> bin_shift);
    bins[i] = static_cast<std::uint16_t>(codes[i] == 0 ? for_zero : bin);
  }
};

/// A mark is what a code has below the bin's number, and its complement 16 bits higher: where marks are joined by "or", a
/// bit that differed stands in both halves. So does the lowest bit of what may differ although codes are equal.
/// @param all_differ  equal magnitudes do not make equal elements
inline constexpr auto write_marks = [](const std::uint16_t* __restrict codes, unsigned bin_shift, bool all_differ,
                                       std::size_t count, std::uint32_t* __restrict marks) {
  const std::uint32_t low = (1u << bin_shift) - 1;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t mark = codes[i] & low;
    const std::uint32_t unequal = (all_differ ? 1u : mark) & 1u;
    marks[i] = mark | unequal | ((mark ^ low) | unequal) << 16;
  }
};

/// Codes and keys have room, with anything in it, for the whole run that their last element belongs to.
inline constexpr std::size_t code_run = 64;
constexpr std::size_t code_room(std::size_t count) { return (count + code_run - 1) / code_run * code_run; }

/// So many elements are compared with all others at once.
inline constexpr std::size_t compared_at_once = 4;

/// below[k] += how many codes (or keys) of [first, end) are below limits[k]. Counts are as wide as the codes: so many at
/// once fit their lanes.
template <class Code>
inline void count_codes_below(const Code* codes, std::size_t first, std::size_t end, const Code* limits,
                              std::uint32_t* below) {
  constexpr std::size_t most = std::size_t{1} << 15;
  for (; first < end; first += most) {
    const std::size_t stop = std::min(first + most, end);
    Code found[compared_at_once] = {};
    for (std::size_t i = first; i < stop; ++i) {
      for (std::size_t k = 0; k < compared_at_once; ++k) {
        found[k] = static_cast<Code>(found[k] + (codes[i] < limits[k] ? 1 : 0));
      }
    }
    for (std::size_t k = 0; k < compared_at_once; ++k) below[k] += static_cast<std::uint32_t>(found[k]);
  }
}

/// How many codes in an element's run are equal to its own and before it.
template <class Code>
inline std::uint32_t count_equal_before(const Code* codes, std::size_t element) {
  const Code* const run = codes + element / code_run * code_run;
  const auto place = static_cast<Code>(element % code_run);
  Code found = 0;
  for (Code i = 0; i < static_cast<Code>(code_run); ++i) {
    found = static_cast<Code>(found + ((run[i] == codes[element]) & (i < place) ? 1 : 0));
  }
  return static_cast<std::uint32_t>(found);
}

/// How many codes (or keys) are smaller than those of some elements, or equal and before them. Up to an element's own run
/// equal ones count, from there on they do not: runs, so that loops have no rest.
/// @param elements  compared_at_once of them, ascending; the last ones may be the same.
template <class Code>
inline void count_before(const Code* codes, std::size_t count, const std::uint32_t* elements, std::uint32_t* before) {
  Code limits[compared_at_once];
  for (std::size_t k = 0; k < compared_at_once; ++k) {
    limits[k] = static_cast<Code>(codes[elements[k]] + 1);
    before[k] = count_equal_before(codes, elements[k]);
  }
  std::size_t at = 0;
  for (std::size_t k = 0; k < compared_at_once; ++k) {
    const std::size_t run = elements[k] / code_run * code_run;
    count_codes_below(codes, at, run, limits, before);
    --limits[k];
    at = run;
  }
  count_codes_below(codes, at, count, limits, before);
}

/// @param elements  ascending. @param ranks  room for a multiple of compared_at_once of them, as `elements` has
inline constexpr auto count_before_each = []<class Code>(const Code* codes, std::size_t count, std::uint32_t* elements,
                                                         std::size_t wanted, std::uint32_t* ranks) {
  for (std::size_t k = wanted; k % compared_at_once != 0; ++k) elements[k] = elements[wanted - 1];
  for (std::size_t k = 0; k < wanted; k += compared_at_once) count_before(codes, count, elements + k, ranks + k);
};

}  // namespace stockpot::methods
