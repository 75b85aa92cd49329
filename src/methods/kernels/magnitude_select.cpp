#include "methods/kernels/magnitude_select.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace stockpot::methods {
namespace {

constexpr unsigned index_digit_bits = 16;

Error miscounted() {
  return Error(ErrorKind::internal, "the counts of a selection do not add up to its number of elements");
}

}  // namespace

MagnitudeSelect::MagnitudeSelect(std::span<const SelectTarget> targets, SelectOptions options) : options_(options) {
  const unsigned first_bits = options.key == SelectKey::magnitude ? 15 : 16;  // a magnitude has no sign bit
  const unsigned value_bits = options.wide ? 64 : 32;
  digits_.push_back({Part::value, value_bits - 16, first_bits});
  for (unsigned shift = value_bits - 16; shift > 0; shift -= 16) digits_.push_back({Part::value, shift - 16, 16});
  if (options.hashed_ties) {
    digits_.push_back({Part::word, 16, 16});
    digits_.push_back({Part::word, 0, 16});
  }
  const unsigned index_bits = options.elements == 0 ? 0 : static_cast<unsigned>(std::bit_width(options.elements - 1));
  for (unsigned digits = (index_bits + index_digit_bits - 1) / index_digit_bits; digits-- > 0;) {
    const unsigned shift = digits * index_digit_bits;
    digits_.push_back({Part::index, shift, std::min(index_digit_bits, index_bits - shift)});
  }
  for (const SelectTarget& target : targets) {
    searches_.push_back({.target = target});
    begin(searches_.back());
  }
  assign_slots();
}

void MagnitudeSelect::begin(Search& search) {
  search.left = search.target.rank;
  search.none = search.left == 0;
  search.all = search.left >= options_.elements && !search.target.all_equal && !search.none;
  search.settled = search.none || search.all;
}

void MagnitudeSelect::set_rank(std::size_t target, std::uint64_t rank) {
  searches_[target].target.rank = rank;
  begin(searches_[target]);
}

bool MagnitudeSelect::same_digits(const Search& a, const Search& b) const {
  if (pass_ == 0) return a.target.vector == b.target.vector;
  const auto found = [this](const Search& s) {
    const bool in_words = digit().part == Part::word, in_indices = digit().part == Part::index;
    return std::tuple(s.target.vector, s.threshold, in_words || in_indices ? s.word : 0, in_indices ? s.index : 0);
  };
  return found(a) == found(b);
}

void MagnitudeSelect::assign_slots() {
  leaders_.clear();
  for (std::size_t i = 0; i < searches_.size(); ++i) {
    Search& search = searches_[i];
    if (search.settled) continue;
    const auto same = [&](std::size_t leader) { return same_digits(searches_[leader], search); };
    search.slot = static_cast<std::size_t>(std::ranges::find_if(leaders_, same) - leaders_.begin());
    if (search.slot == leaders_.size()) leaders_.push_back(i);
  }
}

std::optional<TallyShape> MagnitudeSelect::next_pass() const {
  if (leaders_.empty()) return std::nullopt;
  return TallyShape{.counts = leaders_.size() * digit().bins()};
}

bool MagnitudeSelect::searches(std::size_t vector) const {
  return std::ranges::any_of(leaders_, [&](std::size_t i) { return searches_[i].target.vector == vector; });
}

bool MagnitudeSelect::wants(std::uint64_t first, std::uint64_t count) const {
  if (leaders_.empty() || digit().part != Part::index) return true;
  if (count == 0) return false;
  return std::ranges::any_of(leaders_, [&](std::size_t i) {
    const std::uint64_t prefix = digit().prefix(searches_[i].index);
    return digit().prefix(first) <= prefix && prefix <= digit().prefix(first + count - 1);
  });
}

void MagnitudeSelect::conclude(std::span<const std::uint64_t> counts) {
  const std::size_t bins = digit().bins();
  for (Search& search : searches_) {
    if (search.settled) continue;
    const auto own = counts.subspan(search.slot * bins, bins);
    digit().part == Part::value ? take_value_digit(search, own) : take_tie_digit(search, own);
  }
  ++pass_;
  assign_slots();
}

void MagnitudeSelect::take_value_digit(Search& search, std::span<const std::uint64_t> bins) const {
  const bool largest = search.target.order == SelectOrder::largest_first;
  std::size_t bin = 0;
  for (std::size_t i = 0; i <= bins.size(); ++i) {
    if (i == bins.size()) throw miscounted();
    bin = largest ? bins.size() - 1 - i : i;
    if (bins[bin] >= search.left) break;
    search.left -= bins[bin];
  }
  search.threshold |= std::uint64_t{bin} << digit().shift;
  if (digit().shift != 0) return;
  search.settled = search.target.all_equal || search.left == bins[bin];
  if (search.settled) return;
  search.index = 0;
  if (options_.hashed_ties) search.word = 0;
}

void MagnitudeSelect::take_tie_digit(Search& search, std::span<const std::uint64_t> bins) const {
  const bool of_word = digit().part == Part::word;
  std::size_t bin = 0;
  for (; bin < bins.size() && bins[bin] < search.left; ++bin) search.left -= bins[bin];
  if (bin >= bins.size()) throw miscounted();
  std::uint64_t& found = of_word ? search.word : search.index;
  found |= std::uint64_t{bin} << digit().shift;
  search.settled = search.left == bins[bin];
  if (!search.settled) return;
  // Everything in this bin is selected, whatever its lower digits.
  found |= (std::uint64_t{1} << digit().shift) - 1;
  if (of_word) search.index = std::numeric_limits<std::uint64_t>::max();
}

std::optional<KeyRange> MagnitudeSelect::selected_keys(std::size_t target, const SelectRun& run) const {
  const Search& search = searches_[target];
  if (search.all) return KeyRange{};
  if (search.none) return KeyRange{.low = 1, .high = 0};
  const bool uncut = search.index == std::numeric_limits<std::uint64_t>::max() &&
                     search.word == std::numeric_limits<std::uint32_t>::max();
  const bool before = uncut || (!options_.hashed_ties && run.first + run.count - 1 <= search.index);
  const bool after = !uncut && !options_.hashed_ties && run.first > search.index;
  if (!before && !after) return std::nullopt;
  if (search.target.order == SelectOrder::largest_first) return KeyRange{.low = search.threshold + (after ? 1 : 0)};
  if (after && search.threshold == 0) return KeyRange{.low = 1, .high = 0};
  return KeyRange{.high = search.threshold - (after ? 1 : 0)};
}

double MagnitudeSelect::threshold(std::size_t target) const {
  std::uint64_t bits = searches_[target].threshold;
  const unsigned width = options_.wide ? 64 : 32;
  if (options_.key == SelectKey::value) {  // undo value_key()
    const std::uint64_t sign = std::uint64_t{1} << (width - 1);
    bits = (bits & sign) != 0 ? bits ^ sign : ~bits;
  }
  return options_.wide ? std::bit_cast<double>(bits)
                       : static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
}

}  // namespace stockpot::methods
