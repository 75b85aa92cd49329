#include "methods/kernels/magnitude_select.hpp"

#include <algorithm>
#include <bit>
#include <tuple>

namespace stockpot::methods {
namespace {

constexpr unsigned digit_bits = 16;
/// Few counters stay in the core's cache, and are soon added to those of others: a range that a sample gave holds some
/// hundredths of all elements, what is left of it hardly any.
constexpr unsigned range_bits = 13, place_bits = 14;
constexpr std::uint64_t most_bins = std::uint64_t{1} << digit_bits;

// The sample: of some regions, which are what is read at once, the first elements of each block.
constexpr std::uint64_t run_of_sample = 8192;
constexpr std::uint64_t runs_per_block = block_elements / run_of_sample;
constexpr std::uint64_t blocks_per_region = 8;

/// One of so many regions is in the sample.
std::uint64_t region_stride(std::uint64_t regions) {
  return regions <= 32 ? std::clamp<std::uint64_t>(regions / 4, 2, 8) : std::max<std::uint64_t>(8, regions / 16);
}

}  // namespace

MagnitudeSelect::MagnitudeSelect(std::span<const SelectTarget> targets, SelectOptions options) : options_(options) {
  for (const SelectTarget& target : targets) {
    searches_.push_back({.target = target});
    begin(searches_.back());
  }
  assign_slots();
}

bool MagnitudeSelect::lists(const SelectOptions& options) {
  return options.elements <= options.most_listed / (options.hashed_ties ? 2 : 1);
}

std::uint64_t MagnitudeSelect::list_counters(const SelectOptions& options) {
  return options.elements * (options.hashed_ties ? 2 : 1) + 1;
}

SelectNeeds MagnitudeSelect::needs(std::size_t vectors, std::size_t targets, int passes, const SelectOptions& options) {
  if (!lists(options)) return {.passes = passes, .counters = targets * most_bins};
  return {.passes = 1,
          .counters = vectors * list_counters(options),
          .workspace_bytes = options.elements * sizeof(std::uint64_t)};
}

std::uint64_t MagnitudeSelect::last_key() const {
  const std::uint64_t all = options_.wide ? ~std::uint64_t{0} : std::numeric_limits<std::uint32_t>::max();
  return options_.key == SelectKey::magnitude ? all >> 1 : all;  // a magnitude has no sign bit
}

bool MagnitudeSelect::samples() const {
  return options_.sampled && blocks_of(options_.elements) >= 2 * blocks_per_region;
}

bool MagnitudeSelect::is_sampled(std::uint64_t run) const {
  const std::uint64_t stride = region_stride(blocks_of(options_.elements) / blocks_per_region);
  return run % runs_per_block == 0 && run / runs_per_block / blocks_per_region % stride == stride / 2;
}

std::uint64_t MagnitudeSelect::sampled_runs() const {
  const std::uint64_t regions = blocks_of(options_.elements) / blocks_per_region;
  return std::max<std::uint64_t>(1, regions / region_stride(regions)) * blocks_per_region;
}

void MagnitudeSelect::begin(Search& search) {
  search.left = search.target.rank;
  search.none = search.left == 0;
  search.all = search.left >= options_.elements && !search.target.all_equal && !search.none;
  search.settled = search.none || search.all;
  search.low = 0;
  search.high = last_key();
  search.word_bits = options_.hashed_ties ? 32 : 0;
  search.index_bits = options_.elements == 0 ? 0 : static_cast<unsigned>(std::bit_width(options_.elements - 1));
  if (lists(options_)) {
    search.stage = Stage::list;
    return;
  }
  if (!samples()) return look_for_value(search);
  search.stage = Stage::sample;
  search.shift = static_cast<unsigned>(std::bit_width(last_key())) - digit_bits;
}

/// @pre low < high
void MagnitudeSelect::look_for_value(Search& search) const {
  const std::uint64_t width = search.high - search.low;
  const auto bits = static_cast<unsigned>(std::bit_width(width));
  if (search.proven && !options_.hashed_ties && !search.target.all_equal && bits < place_bits &&
      search.index_bits > 0) {
    search.stage = Stage::place;
    search.width = std::min(place_bits - bits, search.index_bits);
    search.shift = search.index_bits - search.width;
    return;
  }
  search.stage = Stage::value;
  const unsigned whole_digits = (bits - 1) / digit_bits * digit_bits;
  const unsigned binned = search.proven ? digit_bits : range_bits;
  search.shift = bits <= binned ? 0 : asks_of_all(search) ? whole_digits : bits - binned;
  while (counters_of(search) > most_bins) ++search.shift;
}

/// @pre the threshold is known, and so are the higher digits of word and index
void MagnitudeSelect::look_for_cut(Search& search) const {
  const bool in_words = search.word_bits > 0;
  search.stage = in_words ? Stage::word : Stage::index;
  const unsigned bits = in_words ? search.word_bits : search.index_bits;
  search.shift = bits > digit_bits ? (bits - 1) / digit_bits * digit_bits : 0;
  search.width = bits - search.shift;
}

void MagnitudeSelect::set_rank(std::size_t target, std::uint64_t rank) {
  Search& search = searches_[target];
  search.target.rank = rank;
  search.left = rank;
  search.none = rank == 0;
  search.all = rank >= options_.elements && !search.target.all_equal && !search.none;
  search.settled = search.none || search.all;
}

bool MagnitudeSelect::is_sampling() const {
  return std::ranges::any_of(slots_, [&](const Slot& slot) { return searches_[slot.leader].stage == Stage::sample; });
}

std::uint64_t MagnitudeSelect::bins_of(const Search& search) const {
  switch (search.stage) {
    case Stage::list:
      return list_counters(options_);
    case Stage::sample:
      return most_bins;
    case Stage::value:
      return ((search.high - search.low) >> search.shift) + 1;
    case Stage::place:
      return (search.high - search.low + 1) << search.width;
    case Stage::word:
    case Stage::index:
      return std::uint64_t{1} << search.width;
  }
  return 0;
}

bool MagnitudeSelect::ask_the_same(const Search& a, const Search& b) {
  const auto question = [](const Search& s) {
    const bool in_index = s.stage == Stage::index;
    return std::tuple(s.target.vector, s.stage, s.low, s.high, s.proven, s.shift, s.width,
                      s.proven ? SelectOrder::largest_first : s.target.order,
                      in_index || s.stage == Stage::word ? s.word : 0, in_index ? s.index : 0);
  };
  return question(a) == question(b);
}

void MagnitudeSelect::assign_slots() {
  slots_.clear();
  counters_ = 0;
  for (std::size_t i = 0; i < searches_.size(); ++i) {
    Search& search = searches_[i];
    if (search.settled) continue;
    const auto same = [&](const Slot& slot) { return ask_the_same(searches_[slot.leader], search); };
    search.slot = static_cast<std::size_t>(std::ranges::find_if(slots_, same) - slots_.begin());
    if (search.slot < slots_.size()) continue;
    slots_.push_back({i, counters_});
    counters_ += counters_of(search);
  }
}

std::optional<TallyShape> MagnitudeSelect::next_pass() const {
  if (slots_.empty()) return std::nullopt;
  return TallyShape{.counts = counters_};
}

bool MagnitudeSelect::searches(std::size_t vector) const {
  return std::ranges::any_of(slots_, [&](const Slot& slot) { return searches_[slot.leader].target.vector == vector; });
}

bool MagnitudeSelect::wants(std::uint64_t first, std::uint64_t count) const {
  if (slots_.empty()) return true;
  return std::ranges::any_of(slots_, [&](const Slot& slot) { return concerns(searches_[slot.leader], first, count); });
}

bool MagnitudeSelect::concerns(const Search& search, std::uint64_t first, std::uint64_t count) const {
  if (count == 0) return false;
  const std::uint64_t last = first + count - 1;
  if (search.stage == Stage::sample) {
    for (std::uint64_t run = first / run_of_sample; run <= last / run_of_sample; ++run) {
      if (is_sampled(run)) return true;
    }
    return false;
  }
  if (search.stage != Stage::index) return true;
  const unsigned above = search.shift + search.width;
  if (above >= 64) return true;
  return first >> above <= search.index >> above && search.index >> above <= last >> above;
}

void MagnitudeSelect::conclude(std::span<const std::uint64_t> counts) {
  for (Search& search : searches_) {
    if (search.settled) continue;
    const auto own = counts.subspan(slots_[search.slot].first, counters_of(search));
    switch (search.stage) {
      case Stage::list:
        take_list(search, own);
        break;
      case Stage::sample:
        take_sample(search, own);
        break;
      case Stage::value:
        take_value(search, own);
        break;
      case Stage::place:
        take_place(search, own);
        break;
      case Stage::word:
      case Stage::index:
        take_tie_digit(search, own);
        break;
    }
  }
  assign_slots();
}

std::optional<KeyRange> MagnitudeSelect::keys_in_question() const {
  if (slots_.size() != 1 || options_.wide || options_.key != SelectKey::magnitude) return std::nullopt;
  const Search& search = searches_[slots_.front().leader];
  if (search.target.order != SelectOrder::largest_first || options_.hashed_ties) return std::nullopt;
  if (search.stage == Stage::list || search.stage == Stage::sample || asks_of_all(search)) return std::nullopt;
  return KeyRange{search.low, search.high};
}

void MagnitudeSelect::count_some(const SelectRun& run, std::span<const std::uint32_t> keys, const std::uint32_t* places,
                                 std::uint64_t above, std::span<std::uint64_t> counts) const {
  const Search& search = searches_[slots_.front().leader];
  const unsigned beyond_bins = search.shift + search.width;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] > search.high) ++above;
    if (keys[i] < search.low || keys[i] > search.high) continue;
    const std::uint64_t key = keys[i] - search.low, index = run.first + places[i];
    switch (search.stage) {
      case Stage::value:
        ++counts[key >> search.shift];
        break;
      case Stage::place:
        ++counts[(key << search.width) + (index >> search.shift)];
        break;
      default:  // of index: one key
        if (beyond_bins < 64 && index >> beyond_bins != search.index >> beyond_bins) break;
        ++counts[index >> search.shift & (bins_of(search) - 1)];
    }
  }
  if (search.stage == Stage::value && !search.proven) counts[bins_of(search)] += above;
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
  if (search.target.order == SelectOrder::largest_first) return KeyRange{.low = search.low + (after ? 1 : 0)};
  if (after && search.low == 0) return KeyRange{.low = 1, .high = 0};
  return KeyRange{.high = search.low - (after ? 1 : 0)};
}

double MagnitudeSelect::threshold(std::size_t target) const {
  std::uint64_t bits = searches_[target].low;
  const unsigned width = options_.wide ? 64 : 32;
  if (options_.key == SelectKey::value) {  // undo value_key()
    const std::uint64_t sign = std::uint64_t{1} << (width - 1);
    bits = (bits & sign) != 0 ? bits ^ sign : ~bits;
  }
  return options_.wide ? std::bit_cast<double>(bits)
                       : static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
}

}  // namespace stockpot::methods
