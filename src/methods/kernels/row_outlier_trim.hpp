// The trim of breadcrumbs by rows: each row loses its largest magnitudes, and of what is left its smallest.
//
// Source: the code of Davari and Belilovsky 2023, Model breadcrumbs, arXiv:2312.06795.
#pragma once

#include "methods/kernels/trims.hpp"

namespace stockpot::methods {

/// How many elements of a row go at both ends. Outliers go first: unlike outliers_of(), a density that asks for more
/// than they leave does not bring them back.
OutlierCounts row_outliers_of(double density, double gamma, std::uint64_t row_elements);

class RowOutlierTrim : public TrimWithoutPasses {
 public:
  RowOutlierTrim(const Settings& settings, const GroupInfo& group);
  static constexpr bool trims = true;
  static constexpr bool by_row = true;
  /// @pre run is whole rows.   @throws Error(limits) for rows of more than 2^31 elements
  template <class T>
  void apply(const DeltaRun<T>& run) const;

 private:
  bool hashed_ties_;
};

extern template void RowOutlierTrim::apply(const DeltaRun<float>&) const;
extern template void RowOutlierTrim::apply(const DeltaRun<double>&) const;

}  // namespace stockpot::methods
