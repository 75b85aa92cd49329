// Rescaling after a trim: what was taken away is made up for by one factor per tensor and model.
//
//   l1, l2, linf   norm of the task vector before the trim / norm after it; 1 if either is below 1e-7
//   inv_density    1 / density
//   inv_prob       each element by its own probability: the trim's business, nothing is left to do here
//
// The norms need a pass after the trim has settled.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <vector>

#include "methods/kernels/block_sums.hpp"
#include "methods/kernels/kept_flags.hpp"
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
  template <class Trim, class E>
  void observe(const Trim& trim, const Tile<E>& in, TallyPart part) const;
  /// Whether its pass notes which elements a trim with flags leaves: a bit for each, packed flags.
  bool notes() const { return tallies_; }
  /// Whether its pass sums the magnitudes of every model's task vector.
  bool sums_all() const { return tallies_ && !by_maxima() && std::ranges::find(concerns_, false) == concerns_.end(); }
  void conclude(const Totals& totals);

  double factor(const OutputTensor& tensor, std::size_t model) const {
    return factors_[tensor.place_in_group * models_ + model];
  }

 private:
  bool by_maxima() const { return mode_ == RescaleMode::linf; }
  double norm(double tallied) const { return mode_ == RescaleMode::l2 ? std::sqrt(tallied) : tallied; }
  /// Adds the norm of values to the tally's place: lanes or a largest magnitude.
  template <class T>
  void add_norm(const T* values, std::size_t count, std::size_t place, TallyPart part) const;
  template <class E>
  void add_norms_by_flags(const Tile<E>& in, std::size_t model, std::size_t first, std::size_t count,
                          const std::uint8_t* flags, TallyPart part) const;
  template <class Trim, class E>
  void observe_values(const Trim& trim, const Tile<E>& in, TallyPart part) const;
  template <class Trim, class E>
  void observe_flags(const Trim& trim, const Tile<E>& in, TallyPart part) const;

  RescaleMode mode_;
  std::size_t models_;
  std::vector<bool> concerns_;   // density 0 leaves nothing to scale, density 1 nothing to make up for
  std::vector<double> factors_;  // by tensor and model
  bool tallies_;                 // norms, in a pass
  bool ready_;
};

/// Elements that a trim is applied to at once: a sub-tile, or whole rows, about a sub-tile of them.
template <class Trim>
std::size_t piece_elements(const OutputTensor& tensor) {
  if (!Trim::by_row || tensor.row_elements == 0) return sub_tile_elements;
  return std::max<std::size_t>(1, sub_tile_elements / tensor.row_elements) * tensor.row_elements;
}

/// Calls body(first, count) for the pieces of a tile.
template <class Trim, class E, class Body>
void for_each_piece(const Tile<E>& in, const Body& body) {
  const std::size_t step = piece_elements<Trim>(in.tensor);
  for (std::size_t first = 0; first < in.size(); first += step) body(first, std::min(step, in.size() - first));
}

template <class T>
void Rescale::add_norm(const T* values, std::size_t count, std::size_t place, TallyPart part) const {
  if (by_maxima()) {
    double greatest = 0.0;
    dispatch(find_maximum, values, count, &greatest);
    part.maxima[place] = larger_magnitude(part.maxima[place], greatest);
  } else if (mode_ == RescaleMode::l1) {
    dispatch(add_magnitudes, values, count, part.sums[place].sum.data());
  } else {
    dispatch(add_products, values, values, count, part.sums[place].sum.data());
  }
}

template <class E>
void Rescale::add_norms_by_flags(const Tile<E>& in, std::size_t model, std::size_t first, std::size_t count,
                                 const std::uint8_t* flags, TallyPart part) const {
  using T = ValueOf<E>;
  const E *x = in.model_values[model] + first, *base = in.base_values + first;
  if (!by_maxima()) {
    return dispatch(add_norms, x, base, flags, mode_ == RescaleMode::l2, count, part.sums[2 * model].sum.data(),
                    part.sums[2 * model + 1].sum.data());
  }
  for_each_sub_tile(count, [&](std::size_t at, std::size_t length) {
    T delta[sub_tile_elements], left[sub_tile_elements];
    dispatch(trim_by_flags, x + at, base + at, flags + at, length, static_cast<T*>(delta), static_cast<T*>(left));
    add_norm<T>(delta, length, 2 * model, part);
    add_norm<T>(left, length, 2 * model + 1, part);
  });
}

template <class Trim, class E>
void Rescale::observe_flags(const Trim& trim, const Tile<E>& in, TallyPart part) const {
  const auto flags = std::make_unique_for_overwrite<std::uint8_t[]>(piece_elements<Trim>(in.tensor));
  for_each_piece<Trim>(in, [&](std::size_t first, std::size_t count) {
    const Notes notes = in.notes.from(first);
    for (std::size_t m = 0; m < models_; ++m) {
      if (!concerns_[m] && !notes) continue;
      trim.flag(in, m, first, count, flags.get());
      if (notes) dispatch(pack_flags, static_cast<const std::uint8_t*>(flags.get()), count, notes.of(m));
      if (concerns_[m]) add_norms_by_flags(in, m, first, count, flags.get(), part);
    }
  });
}

template <class Trim, class E>
void Rescale::observe_values(const Trim& trim, const Tile<E>& in, TallyPart part) const {
  using T = ValueOf<E>;
  std::vector<T> values(piece_elements<Trim>(in.tensor));
  for (std::size_t m = 0; m < models_; ++m) {
    if (!concerns_[m]) continue;
    for_each_piece<Trim>(in, [&](std::size_t first, std::size_t count) {
      const auto run = delta_run(in, m, first, count, values.data());
      trim.prepare(run);
      add_norm<T>(run.values, count, 2 * m, part);
      trim.apply(run);
      add_norm<T>(run.values, count, 2 * m + 1, part);
    });
  }
}

template <class Trim, class E>
void Rescale::observe(const Trim& trim, const Tile<E>& in, TallyPart part) const {
  if constexpr (Trim::by_flags) {
    observe_flags(trim, in, part);  // trims that divide, too, have no norms to restore
  } else {
    observe_values(trim, in, part);
  }
}

}  // namespace stockpot::methods
