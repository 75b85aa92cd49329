// Exact order statistics of very long vectors, without ever sorting or holding them: the k largest or smallest
// elements, or just the value of the k-th.
//
// A search over a composite key: the value's bit pattern first, then what orders equal values: the element's random word
// if ties are hashed, then its flat index, ascending. Each pass counts, in bins, the keys that are still in question; the
// counts of everyone are added, and the bin that holds the wanted element is what the next pass looks at:
//
//   list     every key, in counters of the elements' own, and their words: all is found from these. Short vectors only
//   sample   the first digits of a few runs of elements: a range of keys that should hold the wanted one. Long vectors only
//   value    keys in the range, and how many lie beyond it: which proves the range, or tells on which side to go on
//   place    when few keys are left: which key, and where about the cut between its equals falls
//   word, index   the cut, digit by digit, if some but not all equals are wanted
//
// What is left is a predicate without state: beyond the threshold, or at it and not after the cut. Searches on one vector
// share counters as long as they ask the same.
#pragma once

#include <algorithm>
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
#include "methods/kernels/gather_keys.hpp"
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
  bool sampled = false;  ///< whoever counts asks wants(): the first pass may look at a sample
  /// Vectors whose keys, and words if they are needed, take no more counters than this are listed; below 2^32.
  std::uint64_t most_listed = block_elements;
};

/// What plans know of a selection.
struct SelectNeeds {
  int passes = 0;            ///< as a rule
  std::size_t counters = 0;  ///< of the largest pass
  std::uint64_t workspace_bytes = 0;
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

  /// @param passes  as a rule, where keys are counted: those for values, and one for ties if there may be a cut
  static SelectNeeds needs(std::size_t vectors, std::size_t targets, int passes, const SelectOptions& options);
  /// Passes that find a value where keys are counted.
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
  /// The same for the differences of x and base, which need not be there if a range of their magnitudes is in question:
  /// defined in magnitude_differences.hpp.
  template <class E>
  void count_differences(std::size_t vector, const SelectRun& run, const E* x, const E* base,
                         std::span<std::uint64_t> counts) const;
  /// The keys that the next pass asks about, of a single target with 32-bit keys: of all others it asks at most how many are
  /// above. Nothing: it looks at every key.
  std::optional<KeyRange> keys_in_question() const;
  /// Instead of count(), by who knows which elements of a run matter.   @pre keys_in_question()
  /// @param keys  of all elements with keys in question, and maybe others.   @param places  of these in the run
  /// @param above  how many elements beside them have keys above those in question
  void count_some(const SelectRun& run, std::span<const std::uint32_t> keys, const std::uint32_t* places,
                  std::uint64_t above, std::span<std::uint64_t> counts) const;
  /// Takes the next digit of every target that is searched.
  void conclude(std::span<const std::uint64_t> counts);
  /// Changes how many elements a target wants: before the first conclude() that takes counts of all elements.
  void set_rank(std::size_t target, std::uint64_t rank);
  /// Whether the next pass looks at a sample only.
  bool is_sampling() const;

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
  /// The last selected element: its magnitude or its value. @pre a search was needed: 0 < rank, and all_equal or rank <
  /// elements
  double threshold(std::size_t target) const;

 private:
  enum class Stage { list, sample, value, place, word, index };
  struct Search {
    SelectTarget target;
    std::uint64_t left = 0;  ///< how many are wanted among the keys in question
    bool settled = false;
    bool none = false, all = false;   ///< selects nothing, everything: the rest is meaningless
    std::uint64_t low = 0, high = 0;  ///< keys in question; equal: the threshold
    bool proven = true;               ///< the wanted one is among them
    Stage stage = Stage::value;
    unsigned shift = 0, width = 0;  ///< the stage's bins: a digit of the key above low, of the word, or of the index
    std::uint64_t word = std::numeric_limits<std::uint32_t>::max();   ///< last word selected among equals
    std::uint64_t index = std::numeric_limits<std::uint64_t>::max();  ///< last index selected among equal words
    unsigned word_bits = 0, index_bits = 0;                           ///< of these, not known yet
    std::size_t slot = 0;                                             ///< place of its counters in this pass
  };
  /// Counters of one pass that one or more searches look at.
  struct Slot {
    std::size_t leader;  ///< the first of them
    std::size_t first;   ///< counter
  };

  void begin(Search& search);
  void look_for_value(Search& search) const;
  void look_for_cut(Search& search) const;
  void assign_slots();
  static bool ask_the_same(const Search& a, const Search& b);
  static bool lists(const SelectOptions& options);
  /// A key of each element, with hashed ties a word of each as well, and how many elements there were.
  static std::uint64_t list_counters(const SelectOptions& options);
  std::uint64_t bins_of(const Search& search) const;
  std::uint64_t counters_of(const Search& search) const { return bins_of(search) + (search.proven ? 0 : 1); }
  std::uint64_t last_key() const;
  /// Whether a search asks about every key, not about those of a range.
  bool asks_of_all(const Search& search) const { return search.low == 0 && search.high == last_key(); }
  /// Whether it asks about 32-bit magnitudes of a range alone, by value or place.
  bool asks_of_range(const Search& search) const {
    if (options_.wide || options_.key != SelectKey::magnitude) return false;
    return (search.stage == Stage::value && !asks_of_all(search)) || search.stage == Stage::place;
  }
  /// Whether elements [first, first + count) can matter to a search in this pass.
  bool concerns(const Search& search, std::uint64_t first, std::uint64_t count) const;
  /// Whether the vector is long enough for a sample, and whether a run of it belongs to the sample.
  bool samples() const;
  bool is_sampled(std::uint64_t run) const;
  std::uint64_t sampled_runs() const;

  void take_list(Search& search, std::span<const std::uint64_t> list) const;
  void take_sample(Search& search, std::span<const std::uint64_t> bins) const;
  void take_value(Search& search, std::span<const std::uint64_t> counts) const;
  void take_place(Search& search, std::span<const std::uint64_t> bins) const;
  void take_tie_digit(Search& search, std::span<const std::uint64_t> bins) const;

  template <class Key>
  void count_keys(const Search& search, std::span<const Key> keys, const SelectRun& run, std::uint64_t* bins) const;
  template <class Key>
  void list_keys(std::span<const Key> keys, const SelectRun& run, std::uint64_t* list) const;
  template <class Key>
  void count_values(const Search& search, std::span<const Key> keys, std::uint64_t* bins) const;
  template <class Key>
  void count_places(const Search& search, std::span<const Key> keys, const SelectRun& run, std::uint64_t* bins) const;
  /// count() for the searches of which asked() is true.
  template <class T, class Asked>
  void count_where(std::size_t vector, const SelectRun& run, const T* values, std::span<std::uint64_t> counts,
                   const Asked& asked) const;
  /// Counts a run of differences. @pre asks_of_range(search)
  template <class E>
  void count_range(const Search& search, const SelectRun& run, const E* x, const E* base, std::uint64_t* bins) const;
  template <class Key>
  void count_words(const Search& search, std::span<const Key> keys, const SelectRun& run, std::uint64_t* bins) const;
  template <class Key>
  void count_indices(const Search& search, std::span<const Key> keys, const SelectRun& run, std::uint64_t* bins) const;
  template <class T>
  void zero_where(std::size_t target, const SelectRun& run, bool inside, T* values) const;
  template <class Key, class T>
  void zero_where_keyed(const Search& search, const SelectRun& run, bool inside, T* values) const;

  SelectOptions options_;
  std::vector<Search> searches_;
  std::vector<Slot> slots_;
  std::size_t counters_ = 0;  // of all slots
};

template <class T>
void MagnitudeSelect::count(std::size_t vector, const SelectRun& run, const T* values,
                            std::span<std::uint64_t> counts) const {
  if (searches(vector)) count_where(vector, run, values, counts, [](const Search&) { return true; });
}

template <class T, class Asked>
void MagnitudeSelect::count_where(std::size_t vector, const SelectRun& run, const T* values,
                                  std::span<std::uint64_t> counts, const Asked& asked) const {
  assert(run.count <= sub_tile_elements);
  const auto with_keys = [&]<class Key>(Key* keys) {
    if (options_.key == SelectKey::magnitude) {
      dispatch(write_magnitude_keys, values, run.count, keys);
    } else {
      dispatch(write_value_keys, values, run.count, keys);
    }
    const std::span<const Key> written(keys, run.count);
    for (const Slot& slot : slots_) {
      const Search& search = searches_[slot.leader];
      if (search.target.vector == vector && asked(search)) {
        count_keys(search, written, run, counts.data() + slot.first);
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
  const auto threshold = static_cast<Key>(search.low);
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

#include "methods/kernels/magnitude_count.hpp"
