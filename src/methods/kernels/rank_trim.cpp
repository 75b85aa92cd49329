#include "methods/kernels/rank_trim.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

#include "methods/kernels/rescale.hpp"
#include "methods/kernels/row_ranks.hpp"

namespace stockpot::methods {
namespace {

/// Probabilities by rank: low + rank / last * rise.
struct KeepRamp {
  double low;
  double rise;
  double last;  ///< rank of the largest magnitude; at least 1
};

KeepRamp ramp_of(double density, double epsilon, std::size_t row_elements) {
  if (row_elements == 1) return {.low = density, .rise = 0.0, .last = 1.0};
  return {.low = density - epsilon, .rise = 2.0 * epsilon, .last = static_cast<double>(row_elements - 1)};
}

constexpr double words_range = 4294967296.0;

inline double probability_at(const KeepRamp& ramp, std::uint32_t rank) {
  return ramp.low + static_cast<double>(static_cast<std::int32_t>(rank)) / ramp.last * ramp.rise;
}

/// word < keep_threshold(probability). What has no fraction can be compared with what has: no conversion to integers.
inline bool keeps(double probability, std::uint32_t word) {
  return static_cast<double>(word) + 1.0 <= probability * words_range;
}

// What bins decide, they decide by the upper 16 bits of a word, against probabilities in float in units of 2^-16, which
// are off by at most four roundings of 2^-24: less than 1/16 of a unit.
constexpr unsigned ignored_bits = 16;
constexpr double upper_range = 65536.0;
constexpr float bound_error = 0.0625f;
constexpr std::int32_t last_upper = 0xFFFF;

/// Of each bin, in one number as it is looked up for every element: words whose upper bits are below the lower half
/// keep their elements, those above the upper half drop them, whatever their rank in the bin.
inline constexpr auto write_bounds = [](const std::uint32_t* starts, std::size_t first_bin, std::size_t bins, float low,
                                        float step, std::uint32_t* bounds) {
  for (std::size_t b = first_bin; b < bins; ++b) {
    const float first = low + step * static_cast<float>(static_cast<std::int32_t>(starts[b]));
    const float last = low + step * static_cast<float>(static_cast<std::int32_t>(starts[b + 1]) - 1);
    const auto kept = static_cast<std::int32_t>(first - bound_error),
               open = static_cast<std::int32_t>(last + bound_error);
    bounds[b] = static_cast<std::uint32_t>((kept > 0 ? kept : 0) | (open < last_upper ? open : last_upper) << 16);
  }
};

/// Flags what may stay, and separately what neither certainly goes nor certainly stays. `__restrict`: the table is of unknown
/// length to the compiler, which must not fear that writing a flag changes it.
inline constexpr auto flag_by_bin = [](const std::uint32_t* __restrict words, const std::uint16_t* __restrict bin_of,
                                       const std::uint32_t* __restrict bounds, std::size_t count,
                                       std::uint8_t* __restrict undecided, std::uint8_t* __restrict flags) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto upper = static_cast<std::int32_t>(words[i] >> ignored_bits);
    const std::uint32_t bound = bounds[bin_of[i]];
    const bool may_stay = upper <= static_cast<std::int32_t>(bound >> 16);
    const bool may_go = upper >= static_cast<std::int32_t>(bound & 0xFFFF);
    undecided[i] = static_cast<std::uint8_t>(may_stay & may_go);
    flags[i] = static_cast<std::uint8_t>(may_stay);
  }
};

inline constexpr auto drop_and_divide = []<class T>(KeepRamp ramp, const std::uint32_t* ranks,
                                                    const std::uint32_t* words, std::size_t count, T* values) {
  for (std::size_t i = 0; i < count; ++i) {
    const double probability = probability_at(ramp, ranks[i]);
    values[i] = keeps(probability, words[i]) ? values[i] / static_cast<T>(probability) : T{0};
  }
};

/// Trims rows of one length.
template <class T>
class TrimmedRows {
 public:
  explicit TrimmedRows(std::size_t row_elements)
      : row_elements_(row_elements),
        ranks_(row_elements),
        undecided_(row_elements),
        bounds_(std::make_unique_for_overwrite<std::uint32_t[]>(ranks_.bins())) {
    std::fill_n(bounds_.get(), ranks_.zero_bins, 0xFFFFFFFF);  // zeros stay: nobody can tell
  }

  std::size_t row_elements() const { return row_elements_; }

  /// Where the rows lie: of one model, from element `first` of the tensor on.
  struct Place {
    const OutputTensor& tensor;
    std::size_t model;
    std::uint64_t first;
    std::size_t count;
  };

  /// Flags what stays of x - base. @param hashed_ties  whether words order equal magnitudes
  template <class E>
  void flag(const Place& place, const E* x, const E* base, const KeepRamp& ramp, bool hashed_ties,
            std::uint8_t* flags) {
    for_each_row(place, hashed_ties, [&](std::size_t first, const std::uint32_t* words, const std::uint32_t* ties) {
      ranks_.take(x + first, base + first, ties);
      flag_row(ramp, words, flags + first);
    });
  }

  /// Zeroes what goes, and divides what stays by its probability.
  void trim(const DeltaRun<T>& run, const KeepRamp& ramp, bool hashed_ties) {
    const Place place{run.tensor, run.model, run.first, run.count};
    for_each_row(place, hashed_ties, [&](std::size_t first, const std::uint32_t* words, const std::uint32_t* ties) {
      T* const values = run.values + first;
      ranks_.take(values, ties);
      dispatch(drop_and_divide, ramp, ranks_.all_ranks(), words, row_elements_, values);
    });
  }

 private:
  /// Calls body(first, words, ties) for the rows: which elements to keep, and how to order equal ones.
  template <class Body>
  void for_each_row(const Place& place, bool hashed_ties, const Body& body) {
    const std::uint32_t* words = words_.take(place.tensor.masks[place.model], place.first, place.count);
    const std::uint32_t* ties = nullptr;
    if (hashed_ties) ties = ties_.take(place.tensor.ties[place.model], place.first, place.count);
    for (std::size_t first = 0; first < place.count; first += row_elements_) {
      body(first, words + first, hashed_ties ? ties + first : nullptr);
    }
  }

  void flag_row(const KeepRamp& ramp, const std::uint32_t* words, std::uint8_t* flags) {
    dispatch(write_bounds, ranks_.starts(), ranks_.zero_bins, ranks_.bins(), static_cast<float>(ramp.low * upper_range),
             static_cast<float>(ramp.rise / ramp.last * upper_range), bounds_.get());
    const std::uint32_t* const bounds = bounds_.get();
    dispatch(flag_by_bin, words, ranks_.bin_of(), bounds, row_elements_, undecided_.data(), flags);
    const auto undecided = undecided_.flagged();
    const auto ranks = ranks_.ranks_of(undecided);
    for (std::size_t k = 0; k < undecided.size(); ++k) {
      const std::uint32_t i = undecided[k];
      if (!ranks_.is_zero(i)) flags[i] = keeps(probability_at(ramp, ranks[k]), words[i]) ? 1 : 0;
    }
  }

  std::size_t row_elements_;
  RowRanks<T> ranks_;
  RowFlags undecided_;
  std::unique_ptr<std::uint32_t[]> bounds_;
  RunWords words_, ties_;
};

}  // namespace

RankTrim::RankTrim(const Settings& settings, const GroupInfo& group)
    : TrimWithoutPasses(settings, group),
      hashed_ties_(settings.choice("tie_break") == "hash"),
      divides_(rescale_mode_of(settings) == RescaleMode::inv_prob) {
  std::ranges::copy(settings.per_model("density"), std::back_inserter(densities_));
  std::ranges::copy(settings.per_model("epsilon"), std::back_inserter(epsilons_));
}

template <class E>
void RankTrim::flag(const Tile<E>& in, std::size_t model, std::size_t first, std::size_t count,
                    std::uint8_t* flags) const {
  const double density = densities_[model];
  if (density == 0.0 || density == 1.0) {
    std::fill_n(flags, count, density == 1.0 ? 1 : 0);
    return;
  }
  const std::size_t row = in.tensor.row_elements;
  const KeepRamp ramp = ramp_of(density, epsilons_[model], row);
  with_kept_rows<TrimmedRows<ValueOf<E>>>(row, [&](TrimmedRows<ValueOf<E>>& rows) {
    rows.flag({in.tensor, model, in.range.first + first, count}, in.model_values[model] + first, in.base_values + first,
              ramp, hashed_ties_, flags);
  });
}

template <class T>
void RankTrim::apply(const DeltaRun<T>& run) const {
  const double density = densities_[run.model];
  if (density == 1.0 || run.count == 0) return;
  if (density == 0.0) {
    std::fill_n(run.values, run.count, T{0});
    return;
  }
  const std::size_t row = run.tensor.row_elements;
  const KeepRamp ramp = ramp_of(density, epsilons_[run.model], row);
  with_kept_rows<TrimmedRows<T>>(row, [&](TrimmedRows<T>& rows) { rows.trim(run, ramp, hashed_ties_); });
}

template void RankTrim::flag(const Tile<Bfloat16>&, std::size_t, std::size_t, std::size_t, std::uint8_t*) const;
template void RankTrim::flag(const Tile<float>&, std::size_t, std::size_t, std::size_t, std::uint8_t*) const;
template void RankTrim::flag(const Tile<double>&, std::size_t, std::size_t, std::size_t, std::uint8_t*) const;
template void RankTrim::apply(const DeltaRun<float>&) const;
template void RankTrim::apply(const DeltaRun<double>&) const;

}  // namespace stockpot::methods
