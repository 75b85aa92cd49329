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

/// Zeroes what certainly goes, and flags what neither certainly goes nor certainly stays. `__restrict`: the table is of
/// unknown length to the compiler, which must not fear that writing a value changes it.
inline constexpr auto drop_by_bin = []<class T>(const std::uint32_t* __restrict words,
                                                const std::uint16_t* __restrict bin_of,
                                                const std::uint32_t* __restrict bounds, std::size_t count,
                                                std::uint8_t* __restrict undecided, T* __restrict values) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto upper = static_cast<std::int32_t>(words[i] >> ignored_bits);
    const std::uint32_t bound = bounds[bin_of[i]];
    const bool may_stay = upper <= static_cast<std::int32_t>(bound >> 16);
    const bool may_go = upper >= static_cast<std::int32_t>(bound & 0xFFFF);
    undecided[i] = static_cast<std::uint8_t>(may_stay & may_go);
    values[i] = may_stay ? values[i] : T{0};
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

  /// @param divides  what is kept, by its probability.   @param hashed_ties  whether words order equal magnitudes
  void trim(const DeltaRun<T>& run, const KeepRamp& ramp, bool divides, bool hashed_ties) {
    const std::uint32_t* words = words_.take(run.tensor.masks[run.model], run.first, run.count);
    const std::uint32_t* ties = nullptr;
    if (hashed_ties) ties = ties_.take(run.tensor.ties[run.model], run.first, run.count);
    for (std::size_t first = 0; first < run.count; first += row_elements_) {
      ranks_.take(run.values + first, hashed_ties ? ties + first : nullptr);
      if (divides) {
        dispatch(drop_and_divide, ramp, ranks_.all_ranks(), words + first, row_elements_, run.values + first);
      } else {
        drop(ramp, words + first, run.values + first);
      }
    }
  }

 private:
  void drop(const KeepRamp& ramp, const std::uint32_t* words, T* values) {
    dispatch(write_bounds, ranks_.starts(), ranks_.zero_bins, ranks_.bins(), static_cast<float>(ramp.low * upper_range),
             static_cast<float>(ramp.rise / ramp.last * upper_range), bounds_.get());
    const std::uint32_t* const bounds = bounds_.get();
    dispatch(drop_by_bin, words, ranks_.bin_of(), bounds, row_elements_, undecided_.data(), values);
    undecided_.for_each([&](std::size_t i) {
      if (ranks_.is_zero(i)) return;
      if (!keeps(probability_at(ramp, ranks_.rank(i)), words[i])) values[i] = T{0};
    });
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
  with_kept_rows<TrimmedRows<T>>(row, [&](TrimmedRows<T>& rows) { rows.trim(run, ramp, divides_, hashed_ties_); });
}

template void RankTrim::apply(const DeltaRun<float>&) const;
template void RankTrim::apply(const DeltaRun<double>&) const;

}  // namespace stockpot::methods
