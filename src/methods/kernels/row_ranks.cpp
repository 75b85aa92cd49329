#include "methods/kernels/row_ranks.hpp"

#include <algorithm>
#include <bit>
#include <span>

#include "core/error.hpp"
#include "core/simd.hpp"
#include "methods/kernels/magnitude_select.hpp"

namespace stockpot::methods {
namespace {

/// Bins cover 2^3 octaves; magnitudes beyond share the first or the last bin.
constexpr unsigned octave_bits = 3;
/// Of a bin's number. With 8 mantissa bits in it, bins of values with 8 significant bits hold one magnitude each.
constexpr unsigned least_bits = 6, most_bits = 12;

/// Up to so many members of a bin are put in order by comparing all pairs, which has no branches to mispredict.
constexpr std::size_t most_compared = 16;

/// So many ranks of a row are found by comparing one element with all others, before that is done by arranging them.
constexpr int most_counted_ranks = 4;

template <class Key>
constexpr unsigned stored_mantissa_bits = sizeof(Key) == 4 ? 23 : 52;

/// Two to four elements to a bin: more bins would cost more than they save.
unsigned bin_bits(std::uint64_t row_elements) {
  return std::clamp(static_cast<unsigned>(std::bit_width(row_elements / 4)), least_bits, most_bits);
}

inline constexpr auto write_difference_keys = []<class T, class Key>(const T* x, const T* base, std::size_t count,
                                                                     Key* keys) {
  for (std::size_t i = 0; i < count; ++i) keys[i] = magnitude_key<Key>(x[i] - base[i]);
};

/// The exponents of all keys, and how many keys are not 0.
inline constexpr auto add_exponents = []<class Key>(const Key* keys, std::size_t count, std::uint64_t* exponents,
                                                    std::uint64_t* nonzero) {
  std::uint64_t sum = 0, found = 0;
  for (std::size_t i = 0; i < count; ++i) {
    sum += keys[i] >> stored_mantissa_bits<Key>;
    found += keys[i] != 0;
  }
  *exponents = sum;
  *nonzero = found;
};

constexpr auto for_zeros = static_cast<std::int32_t>(RowRanks<float>::zero_bins);

/// How keys become numbers of bins.
struct BinLayout {
  unsigned shift;     ///< bits of a key below the bin's number; at least mark_bits
  std::int32_t low;   ///< added to what is left, it gives the bin
  std::int32_t bins;  ///< how many there are, with those of zeros
  bool all_differ;    ///< equal keys do not make equal elements
};

/// A mark is the key's bits right below the bin's number, and their complement 16 bits higher: where marks are joined by
/// "or", a bit that differed stands in both halves. Bit 15 of both stands for all that the mark leaves out.
constexpr unsigned mark_bits = 14;
constexpr std::uint32_t mark_low = 0x3FFF, mark_unequal = 0x80008000;

inline constexpr auto write_bins = []<class Key>(const Key* keys, BinLayout layout, std::size_t count,
                                                 std::uint16_t* bins, std::uint32_t* marks) {
  const Key left_out = (Key{1} << (layout.shift - mark_bits)) - 1;
  for (std::size_t i = 0; i < count; ++i) {
    const auto number = static_cast<std::int32_t>(keys[i] >> layout.shift) + layout.low;
    const std::int32_t at_least = number < for_zeros ? for_zeros : number;
    const std::int32_t bin = at_least < layout.bins ? at_least : layout.bins - 1;
    bins[i] = static_cast<std::uint16_t>(keys[i] == 0 ? static_cast<std::int32_t>(i) % for_zeros : bin);
    const auto mark = static_cast<std::uint32_t>(keys[i] >> (layout.shift - mark_bits)) & mark_low;
    const bool unequal = ((keys[i] & left_out) != 0) | (bin != number) | layout.all_differ;
    marks[i] = mark | (mark ^ mark_low) << 16 | (unequal ? mark_unequal : 0);
  }
};

/// How many keys are smaller than that of an element, or equal and before it.
inline constexpr auto count_before = []<class Key>(const Key* keys, std::size_t count, std::size_t element,
                                                   std::uint32_t* before) {
  const Key key = keys[element];
  std::uint32_t found = 0;
  for (std::size_t i = 0; i < element; ++i) found += keys[i] <= key ? 1 : 0;
  for (std::size_t i = element; i < count; ++i) found += keys[i] < key ? 1 : 0;
  *before = found;
};

inline constexpr auto write_ranks = [](const std::uint32_t* __restrict starts, const std::uint16_t* __restrict bin_of,
                                       std::size_t count, std::uint32_t* __restrict place) {
  for (std::size_t i = 0; i < count; ++i) place[i] += starts[bin_of[i]];
};

}  // namespace

template <class T>
RowRanks<T>::RowRanks(std::uint64_t row_elements) : count_(row_elements) {
  if (row_elements > longest_row) {
    throw Error(ErrorKind::limits, "a row is too long to be ranked")
        .with("elements of the row", std::to_string(row_elements))
        .with("at most", std::to_string(longest_row));
  }
  mantissa_bits_ = bin_bits(row_elements) - octave_bits;
  bins_ = zero_bins + (std::size_t{1} << (mantissa_bits_ + octave_bits));
  keys_ = std::make_unique_for_overwrite<Key[]>(count_);
  bin_of_ = std::make_unique_for_overwrite<std::uint16_t[]>(count_);
  marks_ = std::make_unique_for_overwrite<std::uint32_t[]>(count_);
  place_ = std::make_unique_for_overwrite<std::uint32_t[]>(count_);
  counted_ = std::make_unique_for_overwrite<std::uint64_t[]>(bins_);
  starts_ = std::make_unique_for_overwrite<std::uint32_t[]>(bins_ + 1);
}

template <class T>
void RowRanks<T>::take(const T* x, const T* base, const std::uint32_t* words) {
  words_ = words;
  arranged_ = false;
  counted_ranks_ = 0;
  base == nullptr ? dispatch(write_magnitude_keys, x, count_, keys_.get())
                  : dispatch(write_difference_keys, x, base, count_, keys_.get());
  number_bins();
  count_bins();
  add_up();
}

template <class T>
void RowRanks<T>::number_bins() {
  const Key* const keys = keys_.get();
  std::uint64_t exponents = 0, nonzero = 0;
  dispatch(add_exponents, keys, count_, &exponents, &nonzero);
  const auto mean = static_cast<std::int32_t>(exponents / std::max<std::uint64_t>(1, nonzero));
  const std::int32_t lowest = std::max(0, mean - (1 << octave_bits) / 2);
  const BinLayout layout{.shift = stored_mantissa_bits<Key> - mantissa_bits_,
                         .low = for_zeros - (lowest << mantissa_bits_),
                         .bins = static_cast<std::int32_t>(bins_),
                         .all_differ = words_ != nullptr};
  dispatch(write_bins, keys, layout, count_, bin_of_.get(), marks_.get());
}

template <class T>
void RowRanks<T>::count_bins() {
  std::uint64_t* const counted = counted_.get();
  const std::uint16_t* const bin_of = bin_of_.get();
  const std::uint32_t* const marks = marks_.get();
  std::uint32_t* const place = place_.get();
  std::fill_n(counted, bins_, 0);
  for (std::size_t i = 0; i < count_; ++i) {
    const std::uint64_t before = counted[bin_of[i]];
    place[i] = static_cast<std::uint32_t>(before);
    counted[bin_of[i]] = (before + 1) | std::uint64_t{marks[i]} << 32;
  }
}

template <class T>
void RowRanks<T>::add_up() {
  const std::uint64_t* const counted = counted_.get();
  std::uint32_t* const starts = starts_.get();
  std::uint32_t rank = 0;
  for (std::size_t bin = 0; bin < bins_; ++bin) {
    starts[bin] = rank;
    rank += static_cast<std::uint32_t>(counted[bin]);
  }
  starts[bins_] = rank;
}

template <class T>
std::uint32_t RowRanks<T>::rank(std::size_t element) {
  const std::size_t bin = bin_of_[element];
  if (is_mixed(bin)) {
    if (words_ == nullptr && !arranged_ && counted_ranks_++ < most_counted_ranks) return count_rank(element);
    settle(bin);
  }
  return starts_[bin] + place_[element];
}

template <class T>
std::uint32_t RowRanks<T>::count_rank(std::size_t element) const {
  std::uint32_t rank = 0;
  dispatch(count_before, static_cast<const Key*>(keys_.get()), count_, element, &rank);
  return rank;
}

template <class T>
void RowRanks<T>::settle(std::size_t bin) {
  if (!arranged_) arrange();
  const std::span in_bin(members_.get() + starts_[bin], starts_[bin + 1] - starts_[bin]);
  if (in_bin.size() <= most_compared) {
    for (const Member& one : in_bin) {
      std::uint32_t before = 0;
      for (const Member& other : in_bin) before += other < one;
      place_[one.index] = before;
    }
  } else {
    std::ranges::sort(in_bin);
    for (std::uint32_t k = 0; k < in_bin.size(); ++k) place_[in_bin[k].index] = k;
  }
  counted_[bin] &= 0xFFFFFFFF;
}

template <class T>
void RowRanks<T>::arrange() {
  if (!members_) members_ = std::make_unique_for_overwrite<Member[]>(count_);
  const std::uint32_t *const starts = starts_.get(), *const place = place_.get();
  const std::uint16_t* const bin_of = bin_of_.get();
  const Key* const keys = keys_.get();
  Member* const members = members_.get();
  for (std::uint32_t i = 0; i < count_; ++i) {
    members[starts[bin_of[i]] + place[i]] = {keys[i], words_ == nullptr ? 0 : words_[i], i};
  }
  arranged_ = true;
}

template <class T>
const std::uint32_t* RowRanks<T>::all_ranks() {
  for (std::size_t bin = zero_bins; bin < bins_; ++bin) {
    if (is_mixed(bin)) settle(bin);
  }
  const std::uint32_t* const starts = starts_.get();
  dispatch(write_ranks, starts, bin_of(), count_, place_.get());
  return place_.get();
}

template class RowRanks<float>;
template class RowRanks<double>;

}  // namespace stockpot::methods
