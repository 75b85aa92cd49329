// Merging as a weighted sum of the models, or of their differences from an origin that is added again.
//
// The usual few models are summed in one loop: all arrays are then read side by side, which is what memory likes best.
// Elements E are float or double, which sums T are too, or Bfloat16, whose sums are float.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "methods/kernels/element_loops.hpp"
#include "methods/kernels/sub_tile.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

/// sum = sum + factor * (x - origin)
inline constexpr auto add_offset_multiple = []<class E, class T>(T factor, const E* x, const E* origin,
                                                                 std::size_t count, T* sum) {
  for (std::size_t i = 0; i < count; ++i) sum[i] += factor * (x[i] - origin[i]);
};

/// What a sum goes through once it is complete.
template <class T>
struct SumEnding {
  T divisor{1};
  T scale{1};
};

template <class E, std::size_t models>
struct WeightedModels {
  const E* values[models];
  ValueOf<E> factor[models];
};

template <std::size_t models, class E>
WeightedModels<E, models> weighted_models(const Tile<E>& in, std::span<const double> factors) {
  WeightedModels<E, models> weighted{};
  for (std::size_t m = 0; m < models; ++m) {
    weighted.values[m] = in.model_values[m];
    weighted.factor[m] = static_cast<ValueOf<E>>(factors[m]);
  }
  return weighted;
}

/// sum(factor_m * x_m) of one element, from 0, in the order of the models.
template <class E, std::size_t models, class At>
ValueOf<E> weighted_sum(const WeightedModels<E, models>& in, At at) {
  ValueOf<E> sum{0};
  for (std::size_t m = 0; m < models; ++m) sum += in.factor[m] * at(in.values[m]);
  return sum;
}
template <class E, std::size_t models, class At>
ValueOf<E> weighted_sum_around(const WeightedModels<E, models>& in, ValueOf<E> origin, At at) {
  ValueOf<E> sum{0};
  for (std::size_t m = 0; m < models; ++m) sum += in.factor[m] * (at(in.values[m]) - origin);
  return sum;
}

/// out = scale * (sum(factor_m * x_m) / divisor)
inline constexpr auto sum_models = []<class E, class T, std::size_t models>(
                                       WeightedModels<E, models> in, SumEnding<T> ending, std::size_t count, E* out) {
  write_each(count, out, [=](auto at) { return ending.scale * (weighted_sum(in, at) / ending.divisor); });
};

/// out = origin + scale * (sum(factor_m * (x_m - origin)) / divisor)
inline constexpr auto sum_offsets = []<class E, class T, std::size_t models>(WeightedModels<E, models> in,
                                                                             const E* origin, SumEnding<T> ending,
                                                                             std::size_t count, E* out) {
  write_each(count, out, [=](auto at) {
    return at(origin) + ending.scale * (weighted_sum_around(in, at(origin), at) / ending.divisor);
  });
};

/// The same without divisions, which would take most of the time.
inline constexpr auto sum_models_undivided = []<class E, class T, std::size_t models>(
                                                 WeightedModels<E, models> in, T scale, std::size_t count, E* out) {
  write_each(count, out, [=](auto at) { return scale * weighted_sum(in, at); });
};
inline constexpr auto sum_offsets_undivided = []<class E, class T, std::size_t models>(WeightedModels<E, models> in,
                                                                                       const E* origin, T scale,
                                                                                       std::size_t count, E* out) {
  write_each(count, out, [=](auto at) { return at(origin) + scale * weighted_sum_around(in, at(origin), at); });
};

namespace detail {

template <std::size_t models, class E, class T>
void sum_few(const WeightedModels<E, models>& weighted, const E* origin, SumEnding<T> ending, std::span<E> out) {
  if (origin == nullptr) {
    ending.divisor == T{1} ? dispatch(sum_models_undivided, weighted, ending.scale, out.size(), out.data())
                           : dispatch(sum_models, weighted, ending, out.size(), out.data());
  } else {
    ending.divisor == T{1} ? dispatch(sum_offsets_undivided, weighted, origin, ending.scale, out.size(), out.data())
                           : dispatch(sum_offsets, weighted, origin, ending, out.size(), out.data());
  }
}

/// Any number of models, sub-tile by sub-tile.
template <class E, class T>
void sum_many(const Tile<E>& in, const E* origin, std::span<const double> factors, SumEnding<T> ending,
              std::span<E> out) {
  for_each_sub_tile(in.size(), [&](std::size_t first, std::size_t count) {
    T room[sub_tile_elements];
    T* const sum = room;
    std::fill_n(sum, count, T{0});
    for (std::size_t m = 0; m < in.models(); ++m) {
      const T factor = static_cast<T>(factors[m]);
      if (origin == nullptr) {
        dispatch(add_multiple, factor, in.model_values[m] + first, count, sum);
      } else {
        dispatch(add_offset_multiple, factor, in.model_values[m] + first, origin + first, count, sum);
      }
    }
    if (ending.divisor != T{1}) dispatch(divide, ending.divisor, count, sum);
    if (ending.scale != T{1}) dispatch(multiply, ending.scale, static_cast<const T*>(sum), count, sum);
    if (origin != nullptr) {
      dispatch(add, origin + first, static_cast<const T*>(sum), count, out.data() + first);
    } else {
      dispatch(copy, static_cast<const T*>(sum), count, out.data() + first);
    }
  });
}

}  // namespace detail

/// out = origin + scale * (sum(factors[m] * (x_m - origin)) / divisor), one rounding each; without origin (nullptr): of
/// x_m alone. Sums run over the models in their order, from 0.
template <class E, class T>
void merge_weighted(const Tile<E>& in, const E* origin, std::span<const double> factors, SumEnding<T> ending,
                    std::span<E> out) {
  const bool few = with_few(in.models(), [&]<std::size_t models>() {
    detail::sum_few(weighted_models<models>(in, factors), origin, ending, out);
  });
  if (!few) detail::sum_many(in, origin, factors, ending, out);
}

template <class E>
void merge_weighted(const Tile<E>& in, const E* origin, std::span<const double> factors, double scale,
                    std::span<E> out) {
  using T = ValueOf<E>;
  merge_weighted(in, origin, factors, SumEnding<T>{.divisor = T{1}, .scale = static_cast<T>(scale)}, out);
}

}  // namespace stockpot::methods
