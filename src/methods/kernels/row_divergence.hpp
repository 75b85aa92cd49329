// How far the softmax of a row moved: the Kullback-Leibler divergence of a model's row from the base's.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "core/bfloat16.hpp"
#include "core/block_tree.hpp"
#include "core/exponential.hpp"
#include "core/range.hpp"
#include "core/simd.hpp"
#include "methods/kernels/block_sums.hpp"
#include "methods/kernels/masks.hpp"
#include "methods/kernels/sub_tile.hpp"

namespace stockpot::methods {

/// e^x over the sum of its row, and a floor, so that none is 0.
inline double probability(double power, double one_by_sum) { return power * one_by_sum + 1e-8; }

/// Sums of e^x beyond these, which no row of weights comes near, are taken again with x less the greatest x.
inline constexpr double least_plain_sum = 1e-250, most_plain_sum = 1e250;

/// exponential() of each bfloat16, by its bits: 512 KiB, of which a row of weights needs little.
std::span<const double> exponentials_of_bfloat16();

/// NaN is passed over: the sum will have it. Eight running maxima, so that none waits for the one before it.
inline constexpr auto find_greatest = []<class E>(const E* values, std::size_t count, ValueOf<E>* greatest) {
  using T = ValueOf<E>;
  T most[8];
  std::fill_n(most, 8, -std::numeric_limits<T>::infinity());
  const auto raise = [&](std::size_t lane, T value) { most[lane] = value > most[lane] ? value : most[lane]; };
  const std::size_t whole = count / 8 * 8;
  for (std::size_t i = 0; i < whole; i += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) raise(lane, values[i + lane]);
  }
  for (std::size_t lane = 0; lane < count - whole; ++lane) raise(lane, values[whole + lane]);
  *greatest = *std::max_element(most, most + 8);
};

inline constexpr auto write_exponentials = []<class E>(const E* values, double shift, std::size_t count,
                                                       double* terms) {
  for (std::size_t i = 0; i < count; ++i) {
    const ValueOf<E> value = values[i];
    terms[i] = exponential(static_cast<double>(value) - shift);
  }
};

inline constexpr auto look_up_exponentials = [](const Bfloat16* values, const double* of_bits, std::size_t count,
                                                double* terms) {
  for (std::size_t i = 0; i < count; ++i) terms[i] = of_bits[values[i].bits()];
};

/// terms = p ln(p / q), p and q the probabilities of x and y, as if all p and q hardly differed.
/// @param differ  whether some do: then write_divergences() has to be asked.
inline constexpr auto write_small_divergences = [](const double* x, double one_by_sum_x, const double* y,
                                                   double one_by_sum_y, std::size_t count, double* terms,
                                                   bool* differ) {
  constexpr auto most = std::bit_cast<std::int64_t>(nearly_equal);
  std::int64_t beyond = 0;  // below 0: some are, or are NaN; numbers above 0 compare as their bits
  for (std::size_t i = 0; i < count; ++i) {
    const double p = probability(x[i], one_by_sum_x);
    const double q = probability(y[i], one_by_sum_y);
    const double s = (p - q) / (p + q);
    terms[i] = p * logarithm_of_ratio(s);
    beyond |= most - std::bit_cast<std::int64_t>(std::abs(s));
  }
  *differ = beyond < 0;
};

inline constexpr auto write_divergences = [](const double* x, double one_by_sum_x, const double* y, double one_by_sum_y,
                                             std::size_t count, double* terms) {
  for (std::size_t i = 0; i < count; ++i) {
    const double p = probability(x[i], one_by_sum_x);
    const double q = probability(y[i], one_by_sum_y);
    const double s = (p - q) / (p + q);
    terms[i] = p * chosen(mask_of<double>(std::abs(s) <= nearly_equal), logarithm_of_ratio(s), logarithm(p / q));
  }
};

inline constexpr auto add_all = [](const double* terms, std::size_t count, double* lanes) {
  add_terms(lanes, count, [=](std::size_t i) { return terms[i]; });
};

/// The sum over a row of terms_at(first, count), pointers to the terms of its sub-tiles. Blocks count from its start.
template <class TermsAt>
double row_sum(std::size_t elements, const TermsAt& terms_at) {
  SumTree tree;
  for (std::size_t start = 0, block = 0;; start += block_elements, ++block) {
    Lanes lanes;
    for_each_sub_tile(std::min<std::size_t>(block_elements, elements - start), [&](std::size_t sub, std::size_t count) {
      const double* terms = terms_at(start + sub, count);
      dispatch(add_all, terms, count, lanes.sum.data());
    });
    if (elements <= block_elements) return lanes.joined();
    tree.insert(0, block, {lanes.joined()});
    if (elements - start <= block_elements) return tree.total(block + 1).front();
  }
}

/// e^x of a row, and their sum: the softmax. Those of rows up to a block are kept, others made again.
template <class E>
class Exponentials {
 public:
  /// @param room  for as many values as the row has, at most a block of them.
  Exponentials(const E* row, std::size_t elements, double* room)
      : row_(row), room_(room), keeps_(elements <= block_elements) {
    const auto sum = [&] { return row_sum(elements, [&](auto first, auto count) { return write(first, count); }); };
    const double plain = sum();
    if (plain >= least_plain_sum && plain <= most_plain_sum) {
      one_by_sum_ = 1.0 / plain;
      return;
    }
    ValueOf<E> greatest{};
    dispatch(find_greatest, row, elements, &greatest);
    shift_ = greatest;
    one_by_sum_ = 1.0 / sum();
  }

  double one_by_sum() const { return one_by_sum_; }
  /// @pre count <= sub_tile_elements
  const double* at(std::size_t first, std::size_t count) const { return keeps_ ? room_ + first : write(first, count); }

 private:
  const double* write(std::size_t first, std::size_t count) const {
    double* into = keeps_ ? room_ + first : room_;
    if constexpr (std::is_same_v<E, Bfloat16>) {
      if (shift_ == 0.0) {
        dispatch(look_up_exponentials, row_ + first, exponentials_of_bfloat16().data(), count, into);
        return into;
      }
    }
    dispatch(write_exponentials, row_ + first, shift_, count, into);
    return into;
  }

  const E* row_;
  double* room_;
  bool keeps_;
  double shift_ = 0.0;
  double one_by_sum_ = 0.0;
};

/// A row that was not trained: its p / q are exactly 1, and the divergence is 0. An infinity makes it NaN all the same.
template <class E>
bool is_unchanged(const E* x, const E* base, std::size_t elements) {
  return std::equal(x, x + elements, base) &&
         std::all_of(x, x + elements, [](ValueOf<E> value) { return std::isfinite(value); });
}

/// Doubles that row_divergence() needs.
inline std::size_t divergence_room(std::size_t row_elements) {
  return 2 * std::min<std::size_t>(row_elements, block_elements);
}

/// Sum of p ln(p / q) over a row, p of x and q of the base. @param room  divergence_room() doubles
template <class E>
double row_divergence(const E* x, const E* base, std::size_t elements, std::span<double> room) {
  if (is_unchanged(x, base, elements)) return 0.0;
  const Exponentials<E> of_x(x, elements, room.data()), of_base(base, elements, room.data() + room.size() / 2);
  double terms[sub_tile_elements];
  return row_sum(elements, [&](std::size_t first, std::size_t count) {
    const double *const p = of_x.at(first, count), *const q = of_base.at(first, count);
    bool differ = false;
    dispatch(write_small_divergences, p, of_x.one_by_sum(), q, of_base.one_by_sum(), count, +terms, &differ);
    if (differ) dispatch(write_divergences, p, of_x.one_by_sum(), q, of_base.one_by_sum(), count, +terms);
    return static_cast<const double*>(terms);
  });
}

}  // namespace stockpot::methods
