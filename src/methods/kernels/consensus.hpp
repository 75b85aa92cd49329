// From weighted task vectors to the merged tensor: elect a sign per element (or not), add what agrees, divide, scale,
// add the base. The last step of the whole task-arithmetic family.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "methods/kernels/element_loops.hpp"
#include "methods/kernels/sub_tile.hpp"
#include "methods/kernels/task_vector_scale.hpp"
#include "methods/settings.hpp"

namespace stockpot::methods {

/// What decides the sign that entries of an element must have to count.
enum class Consensus {
  none,      ///< every entry counts
  sum,       ///< the sign of the sum of the entries
  majority,  ///< the sign of the sum of the entries' signs ("count" in recipes)
};

/// The way of combining that the settings ask for; methods without election do not declare sign_consensus.
inline Consensus consensus_of(const Settings& settings) {
  if (!settings.declares("sign_consensus")) return Consensus::none;
  return settings.choice("sign_consensus") == "count" ? Consensus::majority : Consensus::sum;
}

/// votes = votes + sign(entry); sign(0) = sign(-0) = sign(NaN) = 0
inline constexpr auto add_signs = []<class T>(const T* entry, std::size_t count, T* votes) {
  for (std::size_t i = 0; i < count; ++i) votes[i] += static_cast<T>((entry[i] > 0) - (entry[i] < 0));
};

/// votes = +1 or -1, by their sign; zero elects `zero`, NaN -1.
inline constexpr auto elect = []<class T>(T zero, std::size_t count, T* votes) {
  for (std::size_t i = 0; i < count; ++i) votes[i] = votes[i] > 0 ? T{1} : votes[i] == 0 ? zero : T{-1};
};

/// agrees = 1 where the entry has the elected sign, else 0. Zero and NaN have no sign.
inline constexpr auto mark_agreeing = []<class T>(const T* elected, const T* entry, std::size_t count, T* agrees) {
  for (std::size_t i = 0; i < count; ++i) agrees[i] = static_cast<T>(elected[i] * entry[i] > 0);
};

/// sum = sum + mask * entry. The mask multiplies, so that a NaN which agrees with nobody is still seen in the result.
inline constexpr auto add_masked = []<class T>(const T* mask, const T* entry, std::size_t count, T* sum) {
  for (std::size_t i = 0; i < count; ++i) sum[i] += mask[i] * entry[i];
};

/// sum = sum / mass, where there is any mass.
inline constexpr auto divide_by_mass = []<class T>(const T* mass, std::size_t count, T* sum) {
  for (std::size_t i = 0; i < count; ++i) sum[i] /= mass[i] + static_cast<T>(mass[i] == 0);
};

/// The weighted task vectors of one sub-tile, model after model.
template <class T>
struct Entries {
  const T* values;
  std::size_t models;
  std::size_t count;   ///< at most sub_tile_elements
  std::size_t stride;  ///< between models
  const T* of(std::size_t model) const { return values + model * stride; }
};

/// votes = what the election of each element comes to, before its sign is taken.
template <class T>
void count_votes(Consensus consensus, const Entries<T>& entries, T* votes) {
  std::fill_n(votes, entries.count, T{0});
  for (std::size_t m = 0; m < entries.models; ++m) {
    if (consensus == Consensus::majority) {
      dispatch(add_signs, entries.of(m), entries.count, votes);
    } else {
      dispatch(add, votes, entries.of(m), entries.count, votes);
    }
  }
}

/// How one output tensor combines its entries.
template <class T>
class Combination {
 public:
  /// @param zero_elects  +1 or -1: the sign elected where the vote is exactly zero.
  Combination(const Settings& settings, int zero_elects)
      : consensus_(consensus_of(settings)),
        zero_elects_(static_cast<T>(zero_elects)),
        normalize_(settings.flag("normalize")),
        scaled_(task_vector_scale(settings) != 1.0),
        scale_(static_cast<T>(task_vector_scale(settings))) {
    for (const double weight : settings.per_model("weight")) weights_.push_back(static_cast<T>(weight));
  }

  /// out = base + the merged task vector, for one sub-tile.
  void merge(const Entries<T>& entries, const T* base, T* out) const {
    std::fill_n(out, entries.count, T{0});
    consensus_ == Consensus::none ? add_all(entries, out) : add_elected(entries, out);
    if (scaled_) dispatch(multiply, scale_, out, entries.count, out);
    dispatch(add, base, out, entries.count, out);
  }

 private:
  void add_all(const Entries<T>& entries, T* sum) const {
    T mass{0};
    for (std::size_t m = 0; m < entries.models; ++m) {
      dispatch(add, sum, entries.of(m), entries.count, sum);
      mass += weights_[m];
    }
    if (normalize_) dispatch(divide, std::abs(mass) < T(1e-8) ? T{1} : mass, entries.count, sum);
  }

  void add_elected(const Entries<T>& entries, T* sum) const {
    T elected[sub_tile_elements], agrees[sub_tile_elements], mass[sub_tile_elements];
    count_votes(consensus_, entries, elected);
    dispatch(elect, zero_elects_, entries.count, elected);
    std::fill_n(mass, entries.count, T{0});
    for (std::size_t m = 0; m < entries.models; ++m) {
      dispatch(mark_agreeing, elected, entries.of(m), entries.count, agrees);
      dispatch(add_masked, agrees, entries.of(m), entries.count, sum);
      if (normalize_) dispatch(add_multiple, weights_[m], agrees, entries.count, mass);
    }
    if (normalize_) dispatch(divide_by_mass, mass, entries.count, sum);
  }

  Consensus consensus_;
  T zero_elects_;
  bool normalize_;
  bool scaled_;
  T scale_;
  std::vector<T> weights_;
};

}  // namespace stockpot::methods
