#include "methods/kernels/row_outlier_trim.hpp"

#include <algorithm>

#include "methods/kernels/row_ranks.hpp"

namespace stockpot::methods {
namespace {

/// The bins of the first and of the last element that is kept. Between them everything stays.
struct EndBins {
  std::int32_t first;
  std::int32_t last;
};

/// Zeroes what lies in bins outside, and flags what lies in the two at the ends.
inline constexpr auto drop_by_end_bins = []<class T>(const std::uint16_t* bin_of, EndBins ends, std::size_t count,
                                                     std::uint8_t* undecided, T* values) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto bin = static_cast<std::int32_t>(bin_of[i]);
    undecided[i] = static_cast<std::uint8_t>((bin == ends.first) | (bin == ends.last));
    values[i] = ((bin >= ends.first) & (bin <= ends.last)) ? values[i] : T{0};
  }
};

/// Ranks [first, end) of a row.
struct RankWindow {
  std::uint64_t first;
  std::uint64_t end;
};

/// Trims rows of one length.
template <class T>
class WindowedRows {
 public:
  explicit WindowedRows(std::size_t row_elements)
      : row_elements_(row_elements), ranks_(row_elements), undecided_(row_elements) {}

  std::size_t row_elements() const { return row_elements_; }

  /// Zeroes what is not in the window, which is not empty. @param hashed_ties  whether words order equal magnitudes
  void trim(const DeltaRun<T>& run, const RankWindow& window, bool hashed_ties) {
    const std::uint32_t* ties = nullptr;
    if (hashed_ties) ties = ties_.take(run.tensor.ties[run.model], run.first, run.count);
    for (std::size_t first = 0; first < run.count; first += row_elements_) {
      ranks_.take(run.values + first, hashed_ties ? ties + first : nullptr);
      keep(window, run.values + first);
    }
  }

 private:
  void keep(const RankWindow& window, T* values) {
    const EndBins ends{bin_of_rank(window.first), bin_of_rank(window.end - 1)};
    dispatch(drop_by_end_bins, ranks_.bin_of(), ends, row_elements_, undecided_.data(), values);
    const auto undecided = undecided_.flagged();
    const auto ranks = ranks_.ranks_of(undecided);
    for (std::size_t k = 0; k < undecided.size(); ++k) {
      const bool is_outside = ranks[k] < window.first || ranks[k] >= window.end;
      if (is_outside && !ranks_.is_zero(undecided[k])) values[undecided[k]] = T{0};
    }
  }

  std::int32_t bin_of_rank(std::uint64_t rank) const {
    const std::uint32_t* const ends = ranks_.starts() + 1;
    return static_cast<std::int32_t>(std::upper_bound(ends, ends + ranks_.bins(), rank) - ends);
  }

  std::size_t row_elements_;
  RowRanks<T> ranks_;
  RowFlags undecided_;
  RunWords ties_;
};

}  // namespace

OutlierCounts row_outliers_of(double density, double gamma, std::uint64_t row_elements) {
  if (density == 1.0) return {};
  const auto part = [&](double of_row) {
    return std::min(row_elements, static_cast<std::uint64_t>(of_row * static_cast<double>(row_elements)));
  };
  const std::uint64_t top = part(gamma);
  const std::uint64_t left = row_elements - top;
  return {.bottom = left - std::min(left, part(density)), .top = top};
}

RowOutlierTrim::RowOutlierTrim(const Settings& settings, const GroupInfo& group)
    : TrimWithoutPasses(settings, group), hashed_ties_(settings.choice("tie_break") == "hash") {}

template <class T>
void RowOutlierTrim::apply(const DeltaRun<T>& run) const {
  if (run.count == 0) return;
  const Settings& settings = run.tensor.settings;
  const std::size_t row = run.tensor.row_elements;
  const auto [bottom, top] =
      row_outliers_of(settings.per_model("density")[run.model], settings.per_model("gamma")[run.model], row);
  if (bottom == 0 && top == 0) return;
  if (bottom + top == row) {
    std::fill_n(run.values, run.count, T{0});
    return;
  }
  const RankWindow window{bottom, row - top};
  with_kept_rows<WindowedRows<T>>(row, [&](WindowedRows<T>& rows) { rows.trim(run, window, hashed_ties_); });
}

template void RowOutlierTrim::apply(const DeltaRun<float>&) const;
template void RowOutlierTrim::apply(const DeltaRun<double>&) const;

}  // namespace stockpot::methods
