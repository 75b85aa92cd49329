// Where the magnitudes of one row stand in ascending order, without sorting the row.
//
// Magnitudes are counted in bins by the exponent and the leading mantissa bits of their bit patterns, laid around the
// row's mean exponent. That bounds the rank of every element at once, which decides nearly all questions about ranks.
// Few ranks beyond that are found by comparing one element with all others, which no counter slows down. Where more are
// asked for, members of bins are numbered as they come. A bin whose members are all equal, the usual case in fine-tunes of
// 16-bit checkpoints, then has their exact ranks; only the other ones are put in order, one by one.
//
// The order: magnitude, then the elements' words if there are any, then index, ascending; NaN above infinity. Zeros
// come first and are dealt to bins of their own in any order: nobody can tell which of them a trim keeps.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>

#include "methods/kernels/kept_flags.hpp"
#include "methods/kernels/random_words.hpp"
#include "methods/kernels/row_codes.hpp"

namespace stockpot::methods {

template <class T>
class RowRanks {
 public:
  /// Ranks and indices have 32 bits, in loops signed ones.
  static constexpr std::uint64_t longest_row = std::uint64_t{1} << 31;
  /// So many bins, the first ones, are for zeros: one counter would make them wait for each other.
  static constexpr std::size_t zero_bins = bins_for_zeros;

  /// @param row_elements  of every row that will be taken, at least 1.   @throws Error(limits) above longest_row
  explicit RowRanks(std::uint64_t row_elements);

  /// Counts a row of row_elements differences, which may be overwritten afterwards.
  /// @param words  of each element: what orders equal magnitudes; or nullptr: the index alone
  void take(const T* differences, const std::uint32_t* words);
  /// The same of x - base. E is T, or Bfloat16 where T is float.
  template <class E>
  void take(const E* x, const E* base, const std::uint32_t* words);

  std::size_t bins() const { return bins_; }
  /// Of each element: ascends with magnitudes, below zero_bins for zeros alone.
  const std::uint16_t* bin_of() const { return bin_of_.get(); }
  /// Ranks of the elements of bin b: starts()[b] up to, and without, starts()[b + 1]. bins() + 1 values.
  const std::uint32_t* starts() const { return starts_.get(); }
  bool is_zero(std::size_t element) const { return bin_of_[element] < zero_bins; }
  /// The exact ranks of some elements, once for each row; those of zeros are anything. Valid until the next call.
  /// @param elements  ascending
  std::span<const std::uint32_t> ranks_of(std::span<const std::uint32_t> elements);
  /// The exact ranks of all elements, of zeros in any order. Nothing but take() may be called after it.
  const std::uint32_t* all_ranks();

 private:
  using Key = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  /// Compares as its element is ordered.
  struct Member {
    Key key;
    std::uint32_t word;
    std::uint32_t index;
    auto operator<=>(const Member&) const = default;
  };

  const Key* keys() const { return keys_.get(); }
  const std::uint16_t* codes() const { return codes_.get(); }
  CodeLayout layout() const;
  void take_keys(const KeySums& sums, const std::uint32_t* words);
  void count_bins();
  void add_up();
  /// Gives the members of all bins their places.
  void number();
  /// Whether members of a bin may differ, so that their places are not their order. @pre number() was called
  bool is_mixed(std::size_t bin) const { return (numbered_[bin] >> 32 & numbered_[bin] >> 48) != 0; }
  void count_ranks(std::span<const std::uint32_t> elements);
  template <class Code>
  void count_ranks(const Code* codes, std::span<const std::uint32_t> elements, unsigned parity);
  void look_up_ranks(std::span<const std::uint32_t> elements);
  /// Makes the places of a bin's members their order.
  void settle(std::size_t bin);
  /// Puts all elements where the ranks of their bins are.
  void arrange();

  std::size_t count_;
  unsigned mantissa_bits_;  // of a bin's number
  std::size_t bins_;
  std::int32_t lowest_ = 0;  // exponent of the lowest octave that has codes
  const std::uint32_t* words_ = nullptr;
  std::unique_ptr<Key[]> keys_;
  std::unique_ptr<std::uint16_t[]> codes_;
  std::unique_ptr<std::uint16_t[]> bin_of_;
  std::unique_ptr<std::uint32_t[]> counted_;  // members of each bin, even and odd elements apart
  std::unique_ptr<std::uint32_t[]> starts_;
  // Made when first wanted:
  std::unique_ptr<std::uint32_t[]> marks_;     // of each element: what tells it from others in its bin
  std::unique_ptr<std::uint32_t[]> place_;     // of each element among those of its bin
  std::unique_ptr<std::uint64_t[]> numbered_;  // of each bin: in the low half its size, above that its members' marks
  std::unique_ptr<std::uint32_t[]> ranks_;     // of the elements that were asked for
  std::unique_ptr<Member[]> members_;          // bin by bin, once arranged
  bool is_arranged_ = false;
};

extern template class RowRanks<float>;
extern template class RowRanks<double>;

/// One flag per element of a row, 0 or 1, to be written by an element loop.
class RowFlags {
 public:
  explicit RowFlags(std::size_t count)
      : count_(count),
        flags_(std::make_unique_for_overwrite<std::uint8_t[]>(count)),
        bits_(std::make_unique<std::uint8_t[]>((count + word_bits - 1) / word_bits * sizeof(std::uint64_t))),
        flagged_(std::make_unique_for_overwrite<std::uint32_t[]>(count)) {}
  std::uint8_t* data() { return flags_.get(); }

  /// The elements whose flag is 1, ascending. As a rule they are few. Valid until the next call.
  std::span<const std::uint32_t> flagged() {
    dispatch(pack_flags, static_cast<const std::uint8_t*>(flags_.get()), count_, bits_.get());
    std::size_t found = 0;
    for (std::size_t first = 0; first < count_; first += word_bits) {
      std::uint64_t several;
      std::memcpy(&several, bits_.get() + first / 8, sizeof(several));
      for (; several != 0; several &= several - 1) {
        flagged_[found++] = static_cast<std::uint32_t>(first) + static_cast<std::uint32_t>(std::countr_zero(several));
      }
    }
    return {flagged_.get(), found};
  }

 private:
  static constexpr std::size_t word_bits = 64;
  std::size_t count_;
  std::unique_ptr<std::uint8_t[]> flags_;
  std::unique_ptr<std::uint8_t[]> bits_;  // whole words; those beyond the row stay 0
  std::unique_ptr<std::uint32_t[]> flagged_;
};

/// Random words of runs of any length, in room that is kept from one to the next.
class RunWords {
 public:
  /// Those of elements [first, first + count). Valid until the next call.
  const std::uint32_t* take(RandomStream random, std::uint64_t first, std::size_t count) {
    if (word_room(count) > room_elements_) {
      room_elements_ = word_room(count);
      room_ = std::make_unique_for_overwrite<std::uint32_t[]>(room_elements_);
    }
    return element_words(random, first, count, room_.get());
  }

 private:
  std::size_t room_elements_ = 0;
  std::unique_ptr<std::uint32_t[]> room_;
};

/// Calls body(rows) with a Rows for rows of this length. Each thread keeps its last one: it is nothing but working
/// memory, which malloc would give back to the system and fetch anew for every row, and pages that are new to a process
/// cost more than all work on them. Memory for very long rows, of which there are few, is not kept.
template <class Rows, class Body>
void with_kept_rows(std::size_t row_elements, const Body& body) {
  constexpr std::size_t longest_kept = std::size_t{1} << 18;
  if (row_elements > longest_kept) {
    Rows rows(row_elements);
    return body(rows);
  }
  thread_local std::unique_ptr<Rows> kept;
  if (!kept || kept->row_elements() != row_elements) kept = std::make_unique<Rows>(row_elements);
  body(*kept);
}

}  // namespace stockpot::methods
