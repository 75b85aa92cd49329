// The trim of DELLA: each element is kept with a probability that grows with the rank of its magnitude in its row.
//
// Source: Deep et al. 2024, DELLA-merging, arXiv:2406.11617. A row of c elements has probabilities from density -
// epsilon, for its smallest magnitude, to density + epsilon in c equal steps. Equal magnitudes have different ranks: by
// index, or by word (tie_break).
#pragma once

#include "methods/kernels/trims.hpp"

namespace stockpot::methods {

/// For groups of one tensor: its settings are those of the whole group.
class RankTrim : public TrimWithoutPasses {
 public:
  RankTrim(const Settings& settings, const GroupInfo& group);
  static constexpr bool trims = true;
  static constexpr bool by_row = true;
  static constexpr bool by_flags = true;
  bool only_drops() const { return !divides_; }
  /// flags = 1 for elements [first, first + count) of a tile that stay. @pre they are whole rows, and only_drops().
  /// @throws Error(limits) for rows of more than 2^31 elements
  template <class E>
  void flag(const Tile<E>& in, std::size_t model, std::size_t first, std::size_t count, std::uint8_t* flags) const;
  /// What stays is divided by its probability. @pre run is whole rows, and not only_drops().   @throws as flag()
  template <class T>
  void apply(const DeltaRun<T>& run) const;

 private:
  std::vector<double> densities_, epsilons_;  // by model
  bool hashed_ties_;
  bool divides_;  // what is kept, by its probability
};

extern template void RankTrim::flag(const Tile<Bfloat16>&, std::size_t, std::size_t, std::size_t, std::uint8_t*) const;
extern template void RankTrim::flag(const Tile<float>&, std::size_t, std::size_t, std::size_t, std::uint8_t*) const;
extern template void RankTrim::flag(const Tile<double>&, std::size_t, std::size_t, std::size_t, std::uint8_t*) const;
extern template void RankTrim::apply(const DeltaRun<float>&) const;
extern template void RankTrim::apply(const DeltaRun<double>&) const;

}  // namespace stockpot::methods
