// Arcee fusion: take over the changes that stand out, leave the base elsewhere. A change stands out by its size times
// how far the softmax of its row moved (a Kullback-Leibler divergence).
//
// Source: release note of MergeKit v0.1; there is no paper. There the order statistics come from a random sample of
// large tensors; here they are exact.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <span>
#include <type_traits>
#include <vector>

#include "core/block_tree.hpp"
#include "core/exponential.hpp"
#include "methods/kernels/block_sums.hpp"
#include "methods/kernels/magnitude_select.hpp"
#include "methods/kernels/sub_tile.hpp"
#include "methods/method.hpp"

namespace stockpot::methods {

extern const MethodSpec arcee_fusion;

namespace {

/// Added to every probability, so that none is 0.
constexpr double probability_floor = 1e-8;

/// NaN is passed over: the sum will have it. Eight running maxima, for the same reason as there are eight sums.
constexpr auto find_greatest = []<class T>(const T* values, std::size_t count, T* greatest) {
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

constexpr auto write_exponentials = []<class T>(const T* values, double greatest, std::size_t count, double* terms) {
  for (std::size_t i = 0; i < count; ++i) terms[i] = exponential(static_cast<double>(values[i]) - greatest);
};

/// terms = p ln(p / q), p = x / sum_x + floor and q = y / sum_y + floor.
constexpr auto write_divergences = [](const double* x, double sum_x, const double* y, double sum_y, std::size_t count,
                                      double* terms) {
  for (std::size_t i = 0; i < count; ++i) {
    const double p = x[i] / sum_x + probability_floor;
    const double q = y[i] / sum_y + probability_floor;
    terms[i] = p * logarithm(p / q);
  }
};

constexpr auto add_all = [](const double* terms, std::size_t count, double* lanes) {
  add_terms(lanes, count, [=](std::size_t i) { return terms[i]; });
};

/// importance = |x - base| * divergence, one rounding. NaN is positive, so that it counts as the largest value.
constexpr auto write_importance = []<class T>(const T* x, const T* base, double divergence, std::size_t count,
                                              T* importance) {
  for (std::size_t i = 0; i < count; ++i) {
    const T value = static_cast<T>(static_cast<double>(std::abs(x[i] - base[i])) * divergence);
    importance[i] = value == value ? value : std::numeric_limits<T>::quiet_NaN();
  }
};

/// out = base + (x - base where importance reaches the threshold or is NaN)
constexpr auto take_over = []<class T>(const T* x, const T* base, const T* importance, T threshold, std::size_t count,
                                       T* out) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  for (std::size_t i = 0; i < count; ++i) {
    const bool taken = (importance[i] >= threshold) | (importance[i] != importance[i]);
    // By a mask: of ?: the compiler makes a branch around the subtraction, and then does not vectorise.
    const Bits mask = Bits{0} - Bits{taken};
    out[i] = base[i] + std::bit_cast<T>(std::bit_cast<Bits>(x[i] - base[i]) & mask);
  }
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

/// exp(x - greatest x) of a row, and their sum: the softmax. Those of rows up to a block are kept, others made again.
template <class T>
class Exponentials {
 public:
  /// @param room  for as many values as the row has, at most a block of them.
  Exponentials(const T* row, std::size_t elements, double* room)
      : row_(row), room_(room), keeps_(elements <= block_elements) {
    dispatch(find_greatest, row, elements, &greatest_);
    sum_ = row_sum(elements, [this](std::size_t first, std::size_t count) { return write(first, count); });
  }

  double sum() const { return sum_; }
  /// @pre count <= sub_tile_elements
  const double* at(std::size_t first, std::size_t count) const { return keeps_ ? room_ + first : write(first, count); }

 private:
  const double* write(std::size_t first, std::size_t count) const {
    double* into = keeps_ ? room_ + first : room_;
    dispatch(write_exponentials, row_ + first, static_cast<double>(greatest_), count, into);
    return into;
  }

  const T* row_;
  double* room_;
  bool keeps_;
  T greatest_{};
  double sum_ = 0.0;
};

/// A row that was not trained: its p / q are exactly 1, and the divergence is 0. An infinity makes it NaN all the same.
template <class T>
bool is_unchanged(const T* x, const T* base, std::size_t elements) {
  return std::equal(x, x + elements, base) &&
         std::all_of(x, x + elements, [](T value) { return std::isfinite(value); });
}

/// Sum of p ln(p / q) over a row, p of x and q of the base. @param room  for two rows of Exponentials.
template <class T>
double divergence_of(const T* x, const T* base, std::size_t elements, std::span<double> room) {
  if (is_unchanged(x, base, elements)) return 0.0;
  const Exponentials<T> of_x(x, elements, room.data()), of_base(base, elements, room.data() + room.size() / 2);
  double terms[sub_tile_elements];
  return row_sum(elements, [&](std::size_t first, std::size_t count) {
    dispatch(write_divergences, of_x.at(first, count), of_x.sum(), of_base.at(first, count), of_base.sum(), count,
             static_cast<double*>(terms));
    return static_cast<const double*>(terms);
  });
}

/// Quartiles as 0-based indices in ascending order, without interpolation.
std::array<SelectTarget, 3> quartiles(std::uint64_t elements) {
  const std::uint64_t last = std::max<std::uint64_t>(elements, 1) - 1;
  std::array<SelectTarget, 3> targets;
  for (std::size_t quarter = 1; quarter <= 3; ++quarter) {
    const std::uint64_t index = last / 4 * quarter + last % 4 * quarter / 4;
    targets[quarter - 1] = {.rank = index + 1, .order = SelectOrder::smallest_first, .all_equal = true};
  }
  return targets;
}

std::uint64_t rows_of(const Shape& shape) {
  std::uint64_t rows = 1;
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  return rows;
}

/// The first pass finds every row's divergence and, like those after it, a digit of the quartiles of importance.
class ArceeFusion final : public TileMethod<ArceeFusion> {
 public:
  ArceeFusion(const Settings&, const GroupInfo& group)
      : select_(quartiles(group.elements),
                {.elements = group.elements, .wide = group.float64, .key = SelectKey::value}),
        divergence_(rows_of(group.shape)) {}

  std::optional<TallyShape> next_pass() const override { return select_.next_pass(); }

  template <class T>
  void observe_tile(const Tile<T>& in, TallyPart part) const {
    if (in_first_pass_) find_divergences(in);
    T importance[sub_tile_elements];
    for_each_sub_tile(in.size(), [&](std::size_t first, std::size_t count) {
      importance_of(in, first, count, importance);
      select_.count(0, {.first = in.range.first + first, .count = count}, static_cast<const T*>(importance),
                    part.counts);
    });
  }

  void conclude(const Totals& totals) override {
    select_.conclude(totals.counts);
    in_first_pass_ = false;
  }

  template <class T>
  void merge_tile(const Tile<T>& in, std::span<T> out) const {
    const T threshold = outlier_bound<T>();
    T importance[sub_tile_elements];
    for_each_sub_tile(in.size(), [&](std::size_t first, std::size_t count) {
      importance_of(in, first, count, importance);
      dispatch(take_over, in.model_values[0] + first, in.base_values + first, static_cast<const T*>(importance),
               threshold, count, out.data() + first);
    });
  }

 private:
  template <class T>
  void find_divergences(const Tile<T>& in) const {
    const std::size_t row = in.tensor.row_elements;
    std::vector<double> room(2 * std::min<std::size_t>(row, block_elements));
    for (std::size_t first = 0; first < in.size(); first += row) {
      divergence_[(in.range.first + first) / row] =
          divergence_of(in.model_values[0] + first, in.base_values + first, row, room);
    }
  }

  /// Of elements [first, first + count) of a tile.
  template <class T>
  void importance_of(const Tile<T>& in, std::size_t first, std::size_t count, T* importance) const {
    const std::size_t row = in.tensor.row_elements, end = first + count;
    for (std::size_t at = first, next = 0; at < end; at = next) {
      next = std::min(end, (at / row + 1) * row);
      dispatch(write_importance, in.model_values[0] + at, in.base_values + at, divergence_[(in.range.first + at) / row],
               next - at, importance + (at - first));
    }
  }

  /// Beyond it values count as outliers.
  template <class T>
  T outlier_bound() const {
    const auto quartile = [&](std::size_t i) { return static_cast<T>(select_.threshold(i)); };
    return quartile(1) + T{1.5} * (quartile(2) - quartile(0));
  }

  MagnitudeSelect select_;
  bool in_first_pass_ = true;
  // Of each row: set while its tile is observed, and only for rows that are seen here. No two tiles share a row.
  mutable std::vector<double> divergence_;
};

Needs needs(const Settings&, const GroupInfo& group) {
  return {.passes = MagnitudeSelect::value_passes * (group.float64 ? 2 : 1),
          .tally = {.counts = MagnitudeSelect::largest_tally(3)},
          .gathers = true,
          .state_bytes = rows_of(group.shape) * sizeof(double)};
}

}  // namespace

extern const MethodSpec arcee_fusion{
    .name = "arcee_fusion",
    .summary = "take over the changes that stand out, keep the base elsewhere",
    .formula =
        "p, q = softmax of a row of x, b, plus 1e-8;  K = sum of p ln(p / q) over the row;  I = |x - b| K\n"
        "T = Q2 + 1.5 (Q3 - Q1), quartiles of I over the tensor;  out = I >= T ? x : b",
    .source = "release note of MergeKit v0.1",
    .base = BaseUse::required,
    .max_models = 1,
    .absent = AbsentRule::single_copied,
    .parameters = {},
    .granularity = [](const Settings&) { return Granularity::row; },
    .needs = needs,
    .make = make_method<ArceeFusion>};

}  // namespace stockpot::methods
