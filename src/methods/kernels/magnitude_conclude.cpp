// What a selection makes of the counts of a pass.
#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/error.hpp"
#include "methods/kernels/magnitude_select.hpp"

namespace stockpot::methods {
namespace {

Error miscounted() {
  return Error(ErrorKind::internal, "the counts of a selection do not add up to its number of elements");
}

/// How far from the sample's rank the wanted one may be, as a part of the sample. Runs of a tensor are less alike than
/// random elements: a wide range costs little, one that fails costs a pass.
double margin_of(std::uint64_t runs) { return std::clamp(0.15 / std::sqrt(static_cast<double>(runs)), 0.01, 0.15); }

/// Bins in the order of the search: how many of the wanted lie before each.
class OrderedBins {
 public:
  OrderedBins(std::span<const std::uint64_t> bins, SelectOrder order)
      : bins_(bins), largest_first_(order == SelectOrder::largest_first) {}

  /// The bin that holds the `rank`-th element; takes what lies before it from `rank`. The last one if there are fewer.
  std::size_t find(std::uint64_t& rank) const {
    for (std::size_t i = 0; i + 1 < bins_.size(); ++i) {
      if (bins_[at(i)] >= rank) return at(i);
      rank -= bins_[at(i)];
    }
    return at(bins_.size() - 1);
  }

 private:
  std::size_t at(std::size_t i) const { return largest_first_ ? bins_.size() - 1 - i : i; }
  std::span<const std::uint64_t> bins_;
  bool largest_first_;
};

/// The `rank`-th of some keys in an order; makes of `rank` its rank among the equals of that key.
/// @pre 0 < rank <= keys.size()   @return how many equals there are
std::size_t find_listed(std::span<const std::uint64_t> keys, SelectOrder order, std::uint64_t& key,
                        std::uint64_t& rank) {
  std::vector<std::uint64_t> open(keys.begin(), keys.end()), bins;
  while (true) {
    std::uint64_t any = 0, all = ~std::uint64_t{0};
    for (const std::uint64_t one : open) {
      any |= one;
      all &= one;
    }
    key = any;
    if (any == all) return open.size();
    const auto differ = static_cast<unsigned>(std::bit_width(any ^ all));
    const unsigned digit = std::clamp(static_cast<unsigned>(std::bit_width(open.size() / 4)), 4u, 11u);
    const unsigned shift = differ - std::min(differ, digit);
    const std::uint64_t last = (std::uint64_t{1} << digit) - 1;
    bins.assign(last + 1, 0);
    std::uint64_t* const counts = bins.data();
    for (const std::uint64_t one : open) ++counts[one >> shift & last];
    const std::size_t bin = OrderedBins(bins, order).find(rank);
    std::uint64_t* stays = open.data();
    for (const std::uint64_t one : open) {  // without branches, which would be guessed wrong
      *stays = one;
      stays += (one >> shift & last) == bin ? 1 : 0;
    }
    open.resize(static_cast<std::size_t>(stays - open.data()));
  }
}

}  // namespace

void MagnitudeSelect::take_list(Search& search, std::span<const std::uint64_t> list) const {
  const auto keys = list.first(options_.elements), words = list.subspan(options_.elements);
  if (list.back() != keys.size() || search.left > keys.size()) throw miscounted();
  const std::size_t equals = find_listed(keys, search.target.order, search.low, search.left);
  search.high = search.low;
  search.settled = true;
  if (search.target.all_equal || search.left == equals) return;
  std::vector<std::uint64_t> places;  // of the equals: word, then index
  places.reserve(equals);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] == search.low) places.push_back((options_.hashed_ties ? words[i] << 32 : 0) + i);
  }
  const auto cut = places.begin() + static_cast<std::ptrdiff_t>(search.left - 1);
  std::ranges::nth_element(places, cut);
  if (options_.hashed_ties) search.word = *cut >> 32;
  search.index = *cut & 0xFFFFFFFF;
}

void MagnitudeSelect::take_sample(Search& search, std::span<const std::uint64_t> bins) const {
  const auto counted = static_cast<double>(std::accumulate(bins.begin(), bins.end(), std::uint64_t{0}));
  const double wanted = counted * (static_cast<double>(search.left) / static_cast<double>(options_.elements));
  const double margin = counted * margin_of(sampled_runs());
  const OrderedBins ordered(bins, search.target.order);
  const auto key_of = [&](double rank) {
    auto whole = static_cast<std::uint64_t>(std::clamp(rank, 1.0, std::max(counted, 1.0)));
    return std::uint64_t{ordered.find(whole)} << search.shift;
  };
  const auto [low, high] = std::minmax({key_of(wanted - margin), key_of(wanted + margin)});
  search.low = wanted - margin < 1.0 && search.target.order == SelectOrder::smallest_first ? 0 : low;
  search.high = high + ((std::uint64_t{1} << search.shift) - 1);
  if (wanted - margin < 1.0 && search.target.order == SelectOrder::largest_first) search.high = last_key();
  if (wanted + margin > counted) {
    search.target.order == SelectOrder::largest_first ? search.low = 0 : search.high = last_key();
  }
  search.proven = false;
  look_for_value(search);
}

void MagnitudeSelect::take_value(Search& search, std::span<const std::uint64_t> counts) const {
  const bool largest = search.target.order == SelectOrder::largest_first;
  const auto bins = counts.first(bins_of(search));
  const std::uint64_t inside = std::accumulate(bins.begin(), bins.end(), std::uint64_t{0});
  const std::uint64_t beyond = search.proven ? 0 : counts.back();
  const bool was_proven = std::exchange(search.proven, true);
  if (search.left <= beyond || search.left > beyond + inside) {  // the sample misled
    const bool above = largest == (search.left <= beyond);
    if (was_proven || (above ? search.high == last_key() : search.low == 0)) throw miscounted();
    if (search.left > beyond) search.left -= beyond + inside;
    above ? search.low = search.high + 1 : search.high = search.low - 1;
    if (above) search.high = last_key();
    if (!above) search.low = 0;
    if (search.low < search.high) return look_for_value(search);
  } else {
    search.left -= beyond;
    const std::uint64_t bin = OrderedBins(bins, search.target.order).find(search.left);
    search.low += bin << search.shift;
    search.high = std::min(search.high, search.low + ((std::uint64_t{1} << search.shift) - 1));
    if (search.low < search.high) return look_for_value(search);
    search.settled = search.target.all_equal || search.left == bins[bin];
    if (search.settled) return;
  }
  search.index = 0;
  if (options_.hashed_ties) search.word = 0;
  look_for_cut(search);
}

void MagnitudeSelect::take_place(Search& search, std::span<const std::uint64_t> bins) const {
  const std::size_t places = std::size_t{1} << search.width;
  std::vector<std::uint64_t> keys(bins.size() / places);
  for (std::size_t i = 0; i < bins.size(); ++i) keys[i / places] += bins[i];
  const std::size_t key = OrderedBins(keys, search.target.order).find(search.left);
  if (search.left > keys[key]) throw miscounted();
  search.low = search.high = search.low + key;
  search.settled = search.left == keys[key];
  if (search.settled) return;
  search.index = 0;
  take_tie_digit(search, bins.subspan(key * places, places));
}

void MagnitudeSelect::take_tie_digit(Search& search, std::span<const std::uint64_t> bins) const {
  const bool of_word = search.stage == Stage::word;
  const std::size_t bin = OrderedBins(bins, SelectOrder::smallest_first).find(search.left);
  if (search.left > bins[bin]) throw miscounted();
  std::uint64_t& found = of_word ? search.word : search.index;
  found |= std::uint64_t{bin} << search.shift;
  (of_word ? search.word_bits : search.index_bits) = search.shift;
  search.settled = search.left == bins[bin];
  if (!search.settled) return look_for_cut(search);
  // Everything in this bin is selected, whatever its lower digits.
  found |= (std::uint64_t{1} << search.shift) - 1;
  if (of_word) search.index = std::numeric_limits<std::uint64_t>::max();
}

}  // namespace stockpot::methods
