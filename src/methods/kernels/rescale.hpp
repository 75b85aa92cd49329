// Rescaling after a trim: what was taken away is made up for by one factor per model.
//
//   l1, l2, linf   norm before the trim / norm after it, over the group; 1 if either norm is below 1e-7
//   inv_density    1 / density
//
// The norms need a pass after the trim has settled: sums for l1 and l2. A maximum is an order statistic, the largest of
// all, so linf selects it by counting.
#pragma once

#include <cmath>
#include <optional>
#include <vector>

#include "methods/kernels/block_sums.hpp"
#include "methods/kernels/trims.hpp"

namespace stockpot::methods {

enum class RescaleMode { none, l1, l2, linf, inv_density };

/// What `rescale` and `rescale_mode` come to.
RescaleMode rescale_mode_of(const Settings& settings);

class Rescale {
 public:
  /// @param trims  false if the method keeps every element, whatever its density says.
  Rescale(const Settings& settings, const GroupInfo& group, bool trims);

  /// Passes as a rule, and the largest tally of any.
  static int passes(const Settings& settings);
  static TallyShape tally(const Settings& settings);

  std::optional<TallyShape> next_pass() const;
  template <class Trim, class T>
  void observe(const Trim& trim, const Tile<T>& in, TallyPart part) const;
  void conclude(const Totals& totals);

  double factor(std::size_t model) const { return factors_[model]; }

 private:
  /// Density 0 leaves nothing to scale, density 1 nothing to make up for.
  bool concerns(std::size_t model) const { return concerns_[model]; }
  template <class T>
  void add_norm(const DeltaRun<T>& run, Lanes& lanes) const;
  void take_norms(std::size_t model, double before, double after);

  RescaleMode mode_;
  std::vector<bool> concerns_;
  std::vector<double> factors_;
  bool ready_;
  std::optional<MagnitudeSelect> maxima_;  ///< linf: of every model before and after its trim
};

template <class T>
void Rescale::add_norm(const DeltaRun<T>& run, Lanes& lanes) const {
  const T* values = run.values;
  if (mode_ == RescaleMode::l1) return dispatch(add_magnitudes, values, run.count, lanes.sum.data());
  dispatch(add_products, values, values, run.count, lanes.sum.data());
}

template <class Trim, class T>
void Rescale::observe(const Trim& trim, const Tile<T>& in, TallyPart part) const {
  T values[sub_tile_elements];
  for (std::size_t m = 0; m < in.models(); ++m) {
    if (!concerns(m)) continue;
    Lanes before, after;
    for_each_sub_tile(in.size(), [&](std::size_t first, std::size_t count) {
      const auto run = delta_run(in, m, first, count, values);
      if (maxima_) maxima_->count(2 * m, run.first, values, count, part.counts);
      if (!maxima_) add_norm(run, before);
      trim.apply(run);
      if (maxima_) maxima_->count(2 * m + 1, run.first, values, count, part.counts);
      if (!maxima_) add_norm(run, after);
    });
    if (maxima_) continue;
    part.sums[2 * m] = before.joined();
    part.sums[2 * m + 1] = after.joined();
  }
}

}  // namespace stockpot::methods
