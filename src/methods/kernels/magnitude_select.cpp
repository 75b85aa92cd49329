#include "methods/kernels/magnitude_select.hpp"

#include "core/error.hpp"

namespace stockpot::methods {
namespace {

constexpr unsigned index_digit_bits = 16;

Error miscounted() {
  return Error(ErrorKind::internal, "the counts of a selection do not add up to its number of elements");
}

}  // namespace

MagnitudeSelect::MagnitudeSelect(std::span<const SelectTarget> targets, std::uint64_t elements, bool wide)
    : wide_(wide) {
  if (wide) {
    digits_ = {{false, 48, 15}, {false, 32, 16}, {false, 16, 16}, {false, 0, 16}};
  } else {
    digits_ = {{false, 16, 15}, {false, 0, 16}};
  }
  const unsigned index_bits = elements == 0 ? 0 : static_cast<unsigned>(std::bit_width(elements - 1));
  for (unsigned digits = (index_bits + index_digit_bits - 1) / index_digit_bits; digits-- > 0;) {
    const unsigned shift = digits * index_digit_bits;
    digits_.push_back({true, shift, std::min(index_digit_bits, index_bits - shift)});
  }

  const std::uint64_t above_every_key = std::uint64_t{1} << (wide ? 63 : 31);
  for (const SelectTarget& target : targets) {
    Search search{.rank = target.rank, .all_equal = target.all_equal};
    search.settled = target.rank == 0 || (target.rank >= elements && !target.all_equal);
    if (target.rank == 0) search.threshold = above_every_key;
    searches_.push_back(search);
  }
  assign_slots();
}

void MagnitudeSelect::assign_slots() {
  searching_ = 0;
  for (Search& search : searches_) {
    if (!search.settled) search.slot = searching_++;
  }
}

std::optional<TallyShape> MagnitudeSelect::next_pass() const {
  if (searching_ == 0) return std::nullopt;
  return TallyShape{.counts = searching_ * digit().bins()};
}

bool MagnitudeSelect::wants(std::uint64_t first, std::uint64_t count) const {
  if (searching_ == 0 || !digit().of_index) return true;
  if (count == 0) return false;
  for (const Search& search : searches_) {
    const std::uint64_t prefix = digit().prefix(search.cut);
    const bool meets = digit().prefix(first) <= prefix && prefix <= digit().prefix(first + count - 1);
    if (!search.settled && meets) return true;
  }
  return false;
}

void MagnitudeSelect::conclude(std::span<const std::uint64_t> counts) {
  const std::size_t bins = digit().bins();
  for (Search& search : searches_) {
    if (search.settled) continue;
    const auto own = counts.subspan(search.slot * bins, bins);
    digit().of_index ? take_index_digit(search, own) : take_magnitude_digit(search, own);
  }
  ++pass_;
  assign_slots();
}

void MagnitudeSelect::take_magnitude_digit(Search& search, std::span<const std::uint64_t> bins) const {
  std::size_t bin = bins.size();
  while (bin-- > 0 && bins[bin] < search.rank) search.rank -= bins[bin];
  if (bin >= bins.size()) throw miscounted();
  search.threshold |= std::uint64_t{bin} << digit().shift;
  if (digit().shift != 0) return;
  search.settled = search.all_equal || search.rank == bins[bin];
  if (!search.settled) search.cut = 0;
}

void MagnitudeSelect::take_index_digit(Search& search, std::span<const std::uint64_t> bins) const {
  std::size_t bin = 0;
  for (; bin < bins.size() && bins[bin] < search.rank; ++bin) search.rank -= bins[bin];
  if (bin >= bins.size()) throw miscounted();
  search.cut |= std::uint64_t{bin} << digit().shift;
  search.settled = search.rank == bins[bin];
  if (search.settled) search.cut |= (std::uint64_t{1} << digit().shift) - 1;
}

double MagnitudeSelect::threshold(std::size_t vector) const {
  const std::uint64_t key = searches_[vector].threshold;
  return wide_ ? std::bit_cast<double>(key)
               : static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(key)));
}

}  // namespace stockpot::methods
