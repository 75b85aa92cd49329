#include "methods/kernels/row_ranks.hpp"

#include <algorithm>
#include <bit>
#include <span>

#include "core/error.hpp"
#include "core/simd.hpp"
#include "methods/kernels/element_loops.hpp"
#include "methods/kernels/row_codes.hpp"

namespace stockpot::methods {
namespace {

/// Of a bin's number. With 8 mantissa bits in it, bins of values with 8 significant bits hold one magnitude each.
constexpr unsigned least_bits = 6, most_bits = 12;

/// Up to so many members of a bin are put in order by comparing all pairs, which has no branches to mispredict.
constexpr std::size_t most_compared = 16;

/// So many ranks of a row are found by comparing one element with all others: that takes about as long as numbering all
/// elements and putting some bins in order.
constexpr std::size_t most_counted_ranks = 100;
static_assert(most_counted_ranks % compared_at_once == 0);

/// Four to eight elements to a bin: more bins would cost more than they save.
unsigned bin_bits(std::uint64_t row_elements) {
  return std::clamp(static_cast<unsigned>(std::bit_width(row_elements / 8)), least_bits, most_bits);
}

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
  keys_ = std::make_unique<Key[]>(code_room(count_));
  codes_ = std::make_unique<std::uint16_t[]>(code_room(count_));
  bin_of_ = std::make_unique_for_overwrite<std::uint16_t[]>(count_);
  counted_ = std::make_unique_for_overwrite<std::uint32_t[]>(2 * bins_);
  starts_ = std::make_unique_for_overwrite<std::uint32_t[]>(bins_ + 1);
}

template <class T>
void RowRanks<T>::take(const T* differences, const std::uint32_t* words) {
  KeySums sums;
  dispatch(write_keys_of_values, differences, count_, keys_.get(), &sums);
  take_keys(sums, words);
}

template <class T>
template <class E>
void RowRanks<T>::take(const E* x, const E* base, const std::uint32_t* words) {
  KeySums sums;
  dispatch(write_keys_of_differences, x, base, count_, keys_.get(), &sums);
  take_keys(sums, words);
}

template <class T>
void RowRanks<T>::take_keys(const KeySums& sums, const std::uint32_t* words) {
  words_ = words;
  is_arranged_ = false;
  const auto mean = static_cast<std::int32_t>(sums.exponents / std::max<std::uint64_t>(1, sums.nonzero));
  lowest_ = std::max(0, mean - (1 << octave_bits) / 2);
  dispatch(write_codes, keys(), layout(), count_, codes_.get());
  dispatch(write_bins, codes(), layout().bin_shift, count_, bin_of_.get());
  count_bins();
  add_up();
}

template <class T>
CodeLayout RowRanks<T>::layout() const {
  return {.shift = stored_mantissa_bits<Key> - code_mantissa_bits,
          .low = lowest_ << code_mantissa_bits,
          .bin_shift = code_mantissa_bits + 1 - mantissa_bits_};
}

/// Two counters for each bin: elements side by side are often of one bin, and would wait for each other.
template <class T>
void RowRanks<T>::count_bins() {
  std::uint32_t *const even = counted_.get(), *const odd = even + bins_;
  const std::uint16_t* const bins = bin_of();
  std::fill_n(even, 2 * bins_, 0);
  const std::size_t pairs = count_ / 2 * 2;
  for (std::size_t i = 0; i < pairs; i += 2) {
    ++even[bins[i]];
    ++odd[bins[i + 1]];
  }
  if (pairs < count_) ++even[bins[pairs]];
}

template <class T>
void RowRanks<T>::add_up() {
  std::uint32_t *const even = counted_.get(), *const odd = even + bins_, *const starts = starts_.get();
  dispatch(add, even, odd, bins_, even);
  std::uint32_t rank = 0;
  for (std::size_t bin = 0; bin < bins_; ++bin) {
    starts[bin] = rank;
    rank += even[bin];
  }
  starts[bins_] = rank;
}

template <class T>
std::span<const std::uint32_t> RowRanks<T>::ranks_of(std::span<const std::uint32_t> elements) {
  if (!ranks_) ranks_ = std::make_unique_for_overwrite<std::uint32_t[]>(count_);
  const bool by_counting = words_ == nullptr && elements.size() <= most_counted_ranks;
  by_counting ? count_ranks(elements) : look_up_ranks(elements);
  return {ranks_.get(), elements.size()};
}

/// Codes tell all that there is to tell of most elements, and keys of the others.
template <class T>
void RowRanks<T>::count_ranks(std::span<const std::uint32_t> elements) {
  count_ranks(codes(), elements, 0);
  count_ranks(keys(), elements, 1);
}

/// Of those whose code's lowest bit is `parity`.
template <class T>
template <class Code>
void RowRanks<T>::count_ranks(const Code* codes, std::span<const std::uint32_t> elements, unsigned parity) {
  std::uint32_t own[most_counted_ranks], ranks[most_counted_ranks];
  std::size_t count = 0;
  for (const std::uint32_t element : elements) {
    if (codes_[element] % 2 == parity) own[count++] = element;
  }
  dispatch(count_before_each, codes, count_, static_cast<std::uint32_t*>(own), count,
           static_cast<std::uint32_t*>(ranks));
  const std::uint32_t* rank = ranks;
  for (std::size_t k = 0; k < elements.size(); ++k) {
    if (codes_[elements[k]] % 2 == parity) ranks_[k] = *rank++;
  }
}

template <class T>
void RowRanks<T>::look_up_ranks(std::span<const std::uint32_t> elements) {
  number();
  for (std::size_t k = 0; k < elements.size(); ++k) {
    const std::size_t bin = bin_of_[elements[k]];
    if (bin >= zero_bins && is_mixed(bin)) settle(bin);
    ranks_[k] = starts_[bin] + place_[elements[k]];
  }
}

template <class T>
void RowRanks<T>::number() {
  if (!numbered_) {
    marks_ = std::make_unique_for_overwrite<std::uint32_t[]>(count_);
    place_ = std::make_unique_for_overwrite<std::uint32_t[]>(count_);
    numbered_ = std::make_unique_for_overwrite<std::uint64_t[]>(bins_);
  }
  dispatch(write_marks, codes(), layout().bin_shift, words_ != nullptr, count_, marks_.get());
  std::uint64_t* const numbered = numbered_.get();
  const std::uint16_t* const bins = bin_of();
  const std::uint32_t* const marks = marks_.get();
  std::uint32_t* const place = place_.get();
  std::fill_n(numbered, bins_, 0);
  for (std::size_t i = 0; i < count_; ++i) {
    const std::uint64_t before = numbered[bins[i]];
    place[i] = static_cast<std::uint32_t>(before);
    numbered[bins[i]] = (before + 1) | std::uint64_t{marks[i]} << 32;
  }
}

template <class T>
void RowRanks<T>::settle(std::size_t bin) {
  if (!is_arranged_) arrange();
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
  numbered_[bin] &= 0xFFFFFFFF;
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
  is_arranged_ = true;
}

template <class T>
const std::uint32_t* RowRanks<T>::all_ranks() {
  number();
  for (std::size_t bin = zero_bins; bin < bins_; ++bin) {
    if (is_mixed(bin)) settle(bin);
  }
  const std::uint32_t* const starts = starts_.get();
  dispatch(write_ranks, starts, bin_of(), count_, place_.get());
  return place_.get();
}

template class RowRanks<float>;
template class RowRanks<double>;
template void RowRanks<float>::take(const Bfloat16*, const Bfloat16*, const std::uint32_t*);
template void RowRanks<float>::take(const float*, const float*, const std::uint32_t*);
template void RowRanks<double>::take(const double*, const double*, const std::uint32_t*);

}  // namespace stockpot::methods
