// Rescaling after a trim: what was taken away is made up for by one factor per tensor and model.
//
//   l1, l2, linf   norm of the task vector before the trim / norm after it; 1 if either is below 1e-7
//   inv_density    1 / density
//   inv_prob       each element by its own probability: the trim's business, nothing is left to do here
//
// The norms need a pass after the trim has settled.
#pragma once

#include <cmath>
#include <optional>
#include <vector>

#include "methods/kernels/block_sums.hpp"
#include "methods/kernels/trims.hpp"

namespace stockpot::methods {

enum class RescaleMode { none, l1, l2, linf, inv_density, inv_prob };

/// What `rescale` and `rescale_mode` come to.
RescaleMode rescale_mode_of(const Settings& settings);

/// greatest = the largest magnitude, or NaN if there is any.
inline constexpr auto find_maximum = []<class T>(const T* values, std::size_t count, double* greatest) {
  T most{0};
  bool nan = false;
  for (std::size_t i = 0; i < count; ++i) {
    const T magnitude = std::abs(values[i]);
    most = magnitude > most ? magnitude : most;
    nan |= magnitude != magnitude;
  }
  *greatest = nan ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(most);
};

class Rescale {
 public:
  /// @param trims  false if the method keeps every element, whatever its density says.
  Rescale(const Settings& settings, const GroupInfo& group, bool trims);

  static Needs needs(const Settings& settings);

  std::optional<TallyShape> next_pass() const;
  template <class Trim, class T>
  void observe(const Trim& trim, const Tile<T>& in, TallyPart part) const;
  void conclude(const Totals& totals);

  double factor(const OutputTensor& tensor, std::size_t model) const {
    return factors_[tensor.place_in_group * models_ + model];
  }

 private:
  bool by_maxima() const { return mode_ == RescaleMode::linf; }
  double norm(double tallied) const { return mode_ == RescaleMode::l2 ? std::sqrt(tallied) : tallied; }
  template <class T>
  void add_norm(const DeltaRun<T>& run, Lanes& lanes) const;

  RescaleMode mode_;
  std::size_t models_;
  std::vector<bool> concerns_;   // density 0 leaves nothing to scale, density 1 nothing to make up for
  std::vector<double> factors_;  // by tensor and model
  bool ready_;
};

/// Elements that a trim is applied to at once: a sub-tile, or whole rows, about a sub-tile of them.
template <class Trim>
std::size_t piece_elements(const OutputTensor& tensor) {
  if (!Trim::by_row || tensor.row_elements == 0) return sub_tile_elements;
  return std::max<std::size_t>(1, sub_tile_elements / tensor.row_elements) * tensor.row_elements;
}

/// Calls body(first, count) for the pieces of a tile.
template <class Trim, class T, class Body>
void for_each_piece(const Tile<T>& in, const Body& body) {
  const std::size_t step = piece_elements<Trim>(in.tensor);
  for (std::size_t first = 0; first < in.size(); first += step) body(first, std::min(step, in.size() - first));
}

template <class T>
void Rescale::add_norm(const DeltaRun<T>& run, Lanes& lanes) const {
  const T* values = run.values;
  if (mode_ == RescaleMode::l1) return dispatch(add_magnitudes, values, run.count, lanes.sum.data());
  dispatch(add_products, values, values, run.count, lanes.sum.data());
}

template <class Trim, class T>
void Rescale::observe(const Trim& trim, const Tile<T>& in, TallyPart part) const {
  std::vector<T> values(piece_elements<Trim>(in.tensor));
  for (std::size_t m = 0; m < models_; ++m) {
    if (!concerns_[m]) continue;
    const auto add_to = [&](const DeltaRun<T>& run, std::size_t place) {
      if (!by_maxima()) return add_norm(run, part.sums[place]);
      double greatest = 0.0;
      dispatch(find_maximum, static_cast<const T*>(run.values), run.count, &greatest);
      part.maxima[place] = larger_magnitude(part.maxima[place], greatest);
    };
    for_each_piece<Trim>(in, [&](std::size_t first, std::size_t count) {
      const auto run = delta_run(in, m, first, count, values.data());
      trim.prepare(run);
      add_to(run, 2 * m);
      trim.apply(run);
      add_to(run, 2 * m + 1);
    });
  }
}

}  // namespace stockpot::methods
