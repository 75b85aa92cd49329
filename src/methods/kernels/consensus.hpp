// From weighted task vectors to the merged tensor: elect a sign per element (or not), add what agrees, divide, scale,
// add the base. The last step of the whole task-arithmetic family.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "methods/kernels/element_loops.hpp"
#include "methods/kernels/masks.hpp"
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

/// Some of the models' entries, one kernel's worth.
template <class T, std::size_t models>
struct EntryGroup {
  const T* entry[models];
  T weight[models];
};

/// sum = sum + the entries that have the elected sign, mass = mass + their weights. Zero and NaN have no sign. A mask
/// multiplies the entry, so that a NaN which agrees with nobody is still seen in the result.
inline constexpr auto add_agreeing = []<class T, std::size_t models>(const T* elected, EntryGroup<T, models> group,
                                                                     std::size_t count, T* sum, T* mass) {
  for (std::size_t i = 0; i < count; ++i) {
    T total = sum[i], weight = mass[i];
    for (std::size_t m = 0; m < models; ++m) {
      const T entry = group.entry[m][i];
      const T agrees = masked(T{1}, mask_of<T>(elected[i] * entry > 0));
      total += agrees * entry;
      weight += agrees * group.weight[m];
    }
    sum[i] = total;
    mass[i] = weight;
  }
};

/// sum = sum + the entries
inline constexpr auto add_entries = []<class T, std::size_t models>(EntryGroup<T, models> group, std::size_t count,
                                                                    T* sum) {
  for (std::size_t i = 0; i < count; ++i) {
    T total = sum[i];
    for (std::size_t m = 0; m < models; ++m) total += group.entry[m][i];
    sum[i] = total;
  }
};

/// sum = sum / mass, where there is any mass.
inline constexpr auto divide_by_mass = []<class T>(const T* mass, std::size_t count, T* sum) {
  for (std::size_t i = 0; i < count; ++i) sum[i] /= chosen(mask_of<T>(mass[i] == 0), T{1}, mass[i]);
};

/// out = base + scale * sum
inline constexpr auto add_to_base = []<class E, class T>(const E* base, T scale, const T* sum, std::size_t count,
                                                         E* out) {
  write_each(count, out, [=](auto at) { return at(base) + scale * at(sum); });
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

/// Calls body(group) for the models in their order, some at a time.
template <class T, class Body>
void for_each_group(const Entries<T>& entries, std::span<const T> weights, const Body& body) {
  for (std::size_t m = 0; m < entries.models;) {
    with_few(std::min(most_models_at_once, entries.models - m), [&]<std::size_t models>() {
      EntryGroup<T, models> group{};
      for (std::size_t k = 0; k < models; ++k) {
        group.entry[k] = entries.of(m + k);
        group.weight[k] = weights.empty() ? T{0} : weights[m + k];
      }
      body(group);
      m += models;
    });
  }
}

/// votes = what the election of each element comes to, before its sign is taken.
template <class T>
void count_votes(Consensus consensus, const Entries<T>& entries, T* votes) {
  std::fill_n(votes, entries.count, T{0});
  if (consensus == Consensus::majority) {
    for (std::size_t m = 0; m < entries.models; ++m) dispatch(add_signs, entries.of(m), entries.count, votes);
    return;
  }
  for_each_group<T>(entries, {}, [&](const auto& group) { dispatch(add_entries, group, entries.count, votes); });
}

/// What `normalize` divides a sum of all models by. Weights that nearly cancel divide nothing.
template <class T>
T mass_of(std::span<const double> weights) {
  T mass{0};
  for (const double weight : weights) mass += static_cast<T>(weight);
  return std::abs(mass) < T(1e-8) ? T{1} : mass;
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
        scale_(static_cast<T>(task_vector_scale(settings))) {
    for (const double weight : settings.per_model("weight")) weights_.push_back(static_cast<T>(weight));
    if (normalize_) mass_ = mass_of<T>(settings.per_model("weight"));
  }

  Consensus consensus() const { return consensus_; }
  bool normalize() const { return normalize_; }
  T zero_elects() const { return zero_elects_; }
  T scale() const { return scale_; }
  std::span<const T> weights() const { return weights_; }
  /// Without election: what the sum is divided by.
  T mass() const { return mass_; }

  /// out = base + the merged task vector, for one sub-tile.
  template <class E>
  void merge(const Entries<T>& entries, const E* base, E* out) const {
    T sum[sub_tile_elements];
    std::fill_n(sum, entries.count, T{0});
    consensus_ == Consensus::none ? add_all(entries, sum) : add_elected(entries, sum);
    dispatch(add_to_base, base, scale_, static_cast<const T*>(sum), entries.count, out);
  }

 private:
  void add_all(const Entries<T>& entries, T* sum) const {
    for_each_group<T>(entries, {}, [&](const auto& group) { dispatch(add_entries, group, entries.count, sum); });
    if (normalize_) dispatch(divide, mass_, entries.count, sum);
  }

  void add_elected(const Entries<T>& entries, T* sum) const {
    T elected[sub_tile_elements], mass[sub_tile_elements];
    count_votes(consensus_, entries, elected);
    dispatch(elect, zero_elects_, entries.count, elected);
    std::fill_n(mass, entries.count, T{0});
    for_each_group<T>(entries, weights_, [&](const auto& group) {
      dispatch(add_agreeing, static_cast<const T*>(elected), group, entries.count, sum, static_cast<T*>(mass));
    });
    if (normalize_) dispatch(divide_by_mass, static_cast<const T*>(mass), entries.count, sum);
  }

  Consensus consensus_;
  T zero_elects_;
  bool normalize_;
  T scale_;
  T mass_{1};
  std::vector<T> weights_;
};

}  // namespace stockpot::methods
