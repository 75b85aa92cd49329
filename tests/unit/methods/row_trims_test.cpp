// Trims that rank the magnitudes of each row: della, and breadcrumbs with scope: row. Against sorting.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.hpp"
#include "core/random.hpp"
#include "support/error_of.hpp"
#include "support/random_tensor.hpp"
#include "support/same_bits.hpp"

namespace stockpot::test {
namespace {

using Floats = std::vector<float>;

/// A task vector as a tensor: the base is zero.
template <class T>
HandTensor<T> rows_of(std::uint64_t rows, std::uint64_t row, std::vector<T> values) {
  return {.name = "t", .shape = {rows, row}, .base = std::vector<T>(rows * row), .models = {std::move(values)}};
}

/// Few magnitudes, as fine-tunes of BF16 checkpoints have them, or all that a float can be.
enum class Kind { ties, smooth, narrow, wide, one_magnitude, awkward };

template <class T>
std::vector<T> values_of(Kind kind, std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<T> normal;
  const T special[] = {0,
                       T(-0.0),
                       std::numeric_limits<T>::infinity(),
                       -std::numeric_limits<T>::infinity(),
                       std::numeric_limits<T>::quiet_NaN(),
                       std::numeric_limits<T>::denorm_min(),
                       std::numeric_limits<T>::max(),
                       T(1e-3)};
  std::vector<T> values(count);
  for (T& value : values) {
    const T sign = random() % 2 == 0 ? T(1) : T(-1);
    switch (kind) {
      case Kind::ties:
        value = sign * static_cast<T>(random() % 5) * std::ldexp(T(1), -static_cast<int>(random() % 3));
        break;
      case Kind::smooth:
        value = T(1e-3) * normal(random);
        break;
      case Kind::narrow:  // all in one bin, all different
        value = sign * (T(1) + static_cast<T>(random() % 4000) * T(0x1p-23));
        break;
      case Kind::wide:
        value = sign * std::ldexp(normal(random), static_cast<int>(random() % 240) - 120);
        break;
      case Kind::one_magnitude:
        value = sign * T(0.3);
        break;
      case Kind::awkward:
        value = random() % 3 == 0 ? special[random() % std::size(special)] : normal(random);
        break;
    }
  }
  return values;
}

constexpr Kind all_kinds[] = {Kind::ties, Kind::smooth, Kind::narrow, Kind::wide, Kind::one_magnitude, Kind::awkward};

/// Indices of a row in ascending order of magnitude, equal ones by word (none: by index).
template <class T>
std::vector<std::size_t> ascending(const T* row, std::size_t count, std::size_t first, const RandomStream* words) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    const auto key_a = bits_of(std::abs(row[a])), key_b = bits_of(std::abs(row[b]));
    if (key_a != key_b || words == nullptr) return key_a < key_b;
    return words->word(first + a) < words->word(first + b);
  });
  return order;
}

struct Window {
  double density, epsilon;
  bool divides = false;
  bool hashed = false;
};

const RandomStream masks{5, stream_of(mask_domain, "A", "t")};
const RandomStream ties{5, stream_of(tie_domain, "A", "t")};

/// DELLA's trim as it is defined.
template <class T>
std::vector<T> trimmed(std::vector<T> values, std::size_t row, const Window& window) {
  for (std::size_t first = 0; first < values.size(); first += row) {
    const auto order = ascending(values.data() + first, row, first, window.hashed ? &ties : nullptr);
    for (std::size_t rank = 0; rank < row; ++rank) {
      const double at = row == 1 ? 0.5 : static_cast<double>(rank) / static_cast<double>(row - 1);
      double p = (window.density - window.epsilon) + at * (2 * window.epsilon);
      if (row == 1) p = window.density;
      T& value = values[first + order[rank]];
      if (masks.word(first + order[rank]) >= static_cast<std::uint64_t>(p * 0x1p32)) {
        value = 0;
      } else if (window.divides) {
        value = value / static_cast<T>(p);
      }
    }
  }
  return values;
}

/// Breadcrumbs' trim of rows as it is defined: first without the largest, then the largest of what is left.
template <class T>
std::vector<T> without_outliers(std::vector<T> values, std::size_t row, double density, double gamma, bool hashed) {
  const auto top = static_cast<std::size_t>(static_cast<double>(row) * gamma);
  const auto keep = static_cast<std::size_t>(static_cast<double>(row) * density);
  for (std::size_t first = 0; first < values.size() && density < 1; first += row) {
    auto order = ascending(values.data() + first, row, first, hashed ? &ties : nullptr);
    for (std::size_t k = 0; k < top; ++k, order.pop_back()) values[first + order.back()] = 0;
    for (std::size_t k = 0; k < keep && !order.empty(); ++k) order.pop_back();
    for (const std::size_t i : order) values[first + i] = 0;
  }
  return values;
}

/// What is 0 may have either sign: adding it changes nothing.
template <class T>
std::vector<T> unsigned_zeros(std::vector<T> values) {
  for (T& value : values) value = value == 0 ? T(0) : value;
  return values;
}

template <class T>
void expect_trimmed(const char* method, const Parameters& parameters, const HandTensor<T>& in,
                    const std::vector<T>& expected) {
  expect_merged<T>(method, parameters, {in}, {unsigned_zeros(expected)}, 5);
}

template <class T>
void compare_della(Kind kind, std::size_t rows, std::size_t row) {
  const auto in = rows_of<T>(rows, row, values_of<T>(kind, rows * row, row));
  for (const Window& w : {Window{0.5, 0.15}, Window{0.3, 0.299, true}, Window{0.9, 0.0}, Window{0.6, 0.15, true, true},
                          Window{0.4, 0.1, false, true}}) {
    const Parameters parameters{{"weight", 1},
                                {"density", w.density},
                                {"epsilon", w.epsilon},
                                {"rescale_mode", w.divides ? "inv_prob" : "none"},
                                {"tie_break", w.hashed ? "hash" : "index"}};
    expect_trimmed("della_linear", parameters, in, trimmed(in.models[0], row, w));
  }
}

template <class T>
void compare_breadcrumbs(Kind kind, std::size_t rows, std::size_t row) {
  const auto in = rows_of<T>(rows, row, values_of<T>(kind, rows * row, row));
  for (const auto& [density, gamma] : {std::pair{0.5, 0.1}, {0.999, 0.3}, {0.0, 0.1}, {0.7, 0.0}, {0.5, 1.0}}) {
    for (const bool hashed : {false, true}) {
      const Parameters parameters{{"weight", 1},
                                  {"density", density},
                                  {"gamma", gamma},
                                  {"scope", "row"},
                                  {"tie_break", hashed ? "hash" : "index"}};
      expect_trimmed("breadcrumbs", parameters, in, without_outliers(in.models[0], row, density, gamma, hashed));
    }
  }
}

class RowTrims : public ::testing::TestWithParam<std::size_t> {};

TEST_P(RowTrims, DellaIsItsDefinition) {
  const std::size_t row = GetParam(), rows = row < 1000 ? 301 : 5;
  for (const Kind kind : all_kinds) {
    compare_della<float>(kind, rows, row);
    compare_della<double>(kind, rows, row);
  }
}

TEST_P(RowTrims, BreadcrumbsOfRowsAreTheirDefinition) {
  const std::size_t row = GetParam(), rows = row < 1000 ? 301 : 5;
  for (const Kind kind : all_kinds) {
    compare_breadcrumbs<float>(kind, rows, row);
    compare_breadcrumbs<double>(kind, rows, row);
  }
}

INSTANTIATE_TEST_SUITE_P(RowLengths, RowTrims, ::testing::Values(1, 2, 3, 14, 300, 4096));

TEST(RowTrims, LongRowsAreTrimmedWhole) {
  for (const Kind kind : {Kind::ties, Kind::smooth, Kind::awkward}) {
    compare_della<float>(kind, 1, 65'537);
    compare_breadcrumbs<float>(kind, 1, 65'537);
  }
}

TEST(RowTrims, DensityOneKeepsAndDensityZeroDropsEverything) {
  const auto in = rows_of<float>(7, 100, values_of<float>(Kind::smooth, 700, 1));
  for (const Parameters& method : {Parameters{{"rescale_mode", "inv_prob"}}, Parameters{{"rescale_mode", "l1"}}}) {
    auto parameters = method;
    parameters.insert(parameters.end(), {{"weight", 1}, {"density", 1}});
    const auto kept = run_method("della", parameters, std::vector{in});
    EXPECT_EQ(kept.tensors[0], in.models[0]);
    EXPECT_TRUE(kept.passes.empty());
    parameters.back() = {"density", 0};
    EXPECT_EQ(merged("della", parameters, in), in.base);
  }
  EXPECT_EQ(merged("breadcrumbs", {{"weight", 1}, {"density", 1}, {"gamma", 0.5}, {"scope", "row"}}, in), in.models[0]);
}

TEST(RowTrims, AWindowThatReachesZeroOrOneIsRefused) {
  const auto& spec = *methods::find_method("della");
  const auto check = [&](double density, double epsilon) {
    return spec.check(settings_of(spec, 1, {{"weight", 1}, {"density", density}, {"epsilon", epsilon}}));
  };
  for (const auto& [density, epsilon] : {std::pair{0.5, 0.49}, {0.0, 0.9}, {1.0, 0.9}, {0.2, 0.15}}) {
    EXPECT_TRUE(check(density, epsilon).empty()) << density;
  }
  for (const auto& [density, epsilon] : {std::pair{0.5, 0.5}, {0.9, 0.15}, {0.1, 0.15}}) {
    const Error error = error_of([&] { check(density, epsilon); });
    EXPECT_EQ(error.class_code(), "CFG052");
    EXPECT_THAT(error.what(), ::testing::HasSubstr("della: parameter 'epsilon' = "));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("must be in [0, "));
  }
}

}  // namespace
}  // namespace stockpot::test
