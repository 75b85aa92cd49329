// Singular vectors and polar factors against plain ones in extended precision, on matrices of every kind.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <thread>

#include "methods/kernels/matrix_product.hpp"
#include "methods/kernels/singular_values.hpp"
#include "support/instruction_sets.hpp"
#include "support/jacobi_svd.hpp"

namespace stockpot::test {
namespace {

using methods::BasicMatrixView;
using methods::ConstMatrixView;
using methods::Matrix;
using methods::Polar;
using methods::SingularVectors;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Pointwise;

constexpr double epsilon = std::numeric_limits<double>::epsilon();

/// Row by row, as tensors are.
template <class T>
struct Tensor {
  std::size_t rows, columns;
  std::vector<T> elements;
  BasicMatrixView<const T> view() const { return {elements.data(), rows, columns, columns, 1}; }
};

Tensor<double> random_matrix(std::size_t rows, std::size_t columns, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  Tensor<double> tensor{rows, columns, std::vector<double>(rows * columns)};
  for (double& x : tensor.elements) x = normal(random);
  return tensor;
}

Tensor<double> product(ConstMatrixView a, ConstMatrixView b) {
  Tensor<double> c{a.rows, b.columns, std::vector<double>(a.rows * b.columns)};
  for (std::size_t i = 0; i < a.rows; ++i) {
    for (std::size_t j = 0; j < b.columns; ++j) {
      for (std::size_t k = 0; k < a.columns; ++k) c.elements[i * b.columns + j] += a(i, k) * b(k, j);
    }
  }
  return c;
}

double largest_difference(ConstMatrixView a, ConstMatrixView b) {
  double largest = 0.0;
  for (std::size_t i = 0; i < a.rows; ++i) {
    for (std::size_t j = 0; j < a.columns; ++j) {
      const double difference = std::abs(a(i, j) - b(i, j));
      largest = difference <= largest ? largest : difference;
    }
  }
  return largest;
}

double distance_from_orthonormal(ConstMatrixView columns) {
  const auto gram = product(columns.transposed(), columns);
  Tensor<double> identity{gram.rows, gram.columns, std::vector<double>(gram.elements.size())};
  for (std::size_t j = 0; j < gram.rows; ++j) identity.elements[j * gram.rows + j] = 1.0;
  return largest_difference(gram.view(), identity.view());
}

/// The matrix with these singular values and random vectors.
Tensor<double> with_values(std::size_t rows, std::size_t columns, const std::vector<double>& sigma,
                           std::uint64_t seed) {
  SingularVectors vectors = methods::singular_vectors(random_matrix(rows, columns, seed).view(), sigma.size());
  const std::size_t count = sigma.size();
  Matrix scaled(rows, count);
  for (std::size_t j = 0; j < count; ++j) {
    for (std::size_t i = 0; i < rows; ++i) scaled(i, j) = vectors.u(i, j) * sigma[j];
  }
  return product(scaled.view(), vectors.v.view().transposed());
}

/// Descends, is orthonormal, and gives the matrix back.
void expect_decomposes(const Tensor<double>& tensor, const std::string& what) {
  const std::size_t count = std::min(tensor.rows, tensor.columns);
  const SingularVectors found = methods::singular_vectors(tensor.view(), count);
  ASSERT_EQ(found.sigma.size(), count) << what;
  EXPECT_TRUE(std::ranges::is_sorted(found.sigma, std::greater{})) << what;
  EXPECT_GE(found.sigma.back(), 0.0) << what;
  const double tolerance = 40.0 * epsilon * std::sqrt(static_cast<double>(count));
  EXPECT_LE(distance_from_orthonormal(found.u.view()), tolerance) << what;
  EXPECT_LE(distance_from_orthonormal(found.v.view()), tolerance) << what;
  Matrix scaled(tensor.rows, count);
  for (std::size_t j = 0; j < count; ++j) {
    for (std::size_t i = 0; i < tensor.rows; ++i) scaled(i, j) = found.u(i, j) * found.sigma[j];
  }
  const auto back = product(scaled.view(), found.v.view().transposed());
  EXPECT_LE(largest_difference(back.view(), tensor.view()), tolerance * found.sigma.front()) << what;
}

TEST(MatrixProduct, IsThatOfThePlainLoopsWhateverTheShapeAndTheSteps) {
  for (const auto& [rows, inner, columns] :
       {std::array<std::size_t, 3>{1, 1, 1}, {24, 256, 6}, {25, 257, 7}, {97, 600, 13}, {5, 3, 1030}, {130, 0, 4}}) {
    const auto a = random_matrix(rows, inner, 1), b = random_matrix(inner, columns, 2);
    const auto expected = product(a.view(), b.view());
    for (const bool turned : {false, true}) {
      Matrix c = Matrix::zero(turned ? columns : rows, turned ? rows : columns);
      const auto view = turned ? c.view().transposed() : c.view();
      methods::add_product(-2.0, a.view(), b.view(), view);
      for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < columns; ++j) EXPECT_NEAR(view(i, j), -2.0 * expected.view()(i, j), 1e-12);
      }
    }
  }
}

TEST(SingularVectors, OfASmallMatrixAreTheOnesFoundByHand) {
  const Tensor<float> tensor{2, 2, {3, 0, 4, 5}};
  const auto found = methods::singular_vectors(tensor.view(), 2);
  EXPECT_THAT(found.sigma, Pointwise(DoubleNear(1e-15), {std::sqrt(45.0), std::sqrt(5.0)}));
  const double sign = found.u(0, 0) < 0 ? -1 : 1;
  EXPECT_NEAR(sign * found.u(0, 0), std::sqrt(0.1), 1e-15);
  EXPECT_NEAR(sign * found.u(1, 0), std::sqrt(0.9), 1e-15);
  EXPECT_NEAR(sign * found.v(0, 0), std::sqrt(0.5), 1e-15);
  EXPECT_NEAR(sign * found.v(1, 0), std::sqrt(0.5), 1e-15);
}

TEST(SingularVectors, OfARowOrAColumnAreItsDirection) {
  for (const bool row : {true, false}) {
    const Tensor<float> tensor{row ? 1U : 4U, row ? 4U : 1U, {2, -4, 0, 4}};
    const auto found = methods::singular_vectors(tensor.view(), 1);
    EXPECT_THAT(found.sigma, ElementsAre(DoubleNear(6.0, 1e-14)));
    const Matrix &direction = row ? found.v : found.u, &other = row ? found.u : found.v;
    EXPECT_NEAR(direction(0, 0) * other(0, 0), 1.0 / 3.0, 1e-15);
    EXPECT_NEAR(direction(1, 0) * other(0, 0), -2.0 / 3.0, 1e-15);
  }
}

TEST(SingularVectors, DecomposeEveryShape) {
  for (const auto& [rows, columns] : std::vector<std::pair<std::size_t, std::size_t>>{{1, 1},
                                                                                      {1, 9},
                                                                                      {9, 1},
                                                                                      {2, 2},
                                                                                      {3, 2},
                                                                                      {31, 31},
                                                                                      {32, 32},
                                                                                      {33, 33},
                                                                                      {64, 65},
                                                                                      {200, 65},
                                                                                      {65, 200},
                                                                                      {129, 130},
                                                                                      {300, 300}}) {
    expect_decomposes(random_matrix(rows, columns, rows + columns), fmt::format("{} x {}", rows, columns));
  }
}

TEST(SingularVectors, HaveTheValuesOfAPlainDecomposition) {
  for (const auto& [rows, columns] : {std::pair<std::size_t, std::size_t>{20, 20}, {35, 12}, {12, 35}}) {
    const auto tensor = random_matrix(rows, columns, 3);
    const auto plain = jacobi_svd(rows, columns, {tensor.elements.begin(), tensor.elements.end()});
    const auto found = methods::singular_vectors(tensor.view(), 5);
    for (std::size_t j = 0; j < plain.sigma.size(); ++j) {
      EXPECT_NEAR(found.sigma[j], static_cast<double>(plain.sigma[j]), 1e-14 * found.sigma[0]);
    }
    for (std::size_t j = 0; j < 5; ++j) {
      const double u = static_cast<double>(plain.u[j][0]), v = static_cast<double>(plain.v[j][0]);
      EXPECT_NEAR(found.u(0, j) * found.v(0, j), u * v, 1e-13);
    }
  }
}

TEST(SingularVectors, OfFewerColumnsAreTheFirstOfAll) {
  const auto tensor = random_matrix(90, 70, 4);
  const auto all = methods::singular_vectors(tensor.view(), 70), some = methods::singular_vectors(tensor.view(), 30);
  EXPECT_EQ(some.sigma, all.sigma);
  EXPECT_EQ(some.u.columns(), 30U);
  EXPECT_LE(largest_difference(some.u.view(), all.u.block(0, 0, 90, 30)), 1e-13);
  EXPECT_LE(largest_difference(some.v.view(), all.v.block(0, 0, 70, 30)), 1e-13);
}

TEST(SingularVectors, AreOrthonormalForRankDeficientAndRepeatedValues) {
  std::vector<double> repeated(60, 2.0), graded(60), few(60, 0.0), clusters(60);
  for (std::size_t j = 0; j < 60; ++j) {
    graded[j] = std::exp2(-static_cast<double>(j));
    clusters[j] = j < 20 ? 1.0 : j < 40 ? 1.0 + 1e-15 : 1e-9;
  }
  few[0] = 1.0, few[1] = 0.5;
  for (const auto& sigma : {repeated, graded, few, clusters}) {
    expect_decomposes(with_values(60, 60, sigma, 5), "square");
    expect_decomposes(with_values(80, 60, sigma, 6), "tall");
  }
  Tensor<double> ones{50, 40, std::vector<double>(2000, 1.0)}, zero{50, 40, std::vector<double>(2000)};
  Tensor<double> identity{40, 40, std::vector<double>(1600)};
  for (std::size_t j = 0; j < 40; ++j) identity.elements[j * 41] = 1.0;
  expect_decomposes(ones, "ones");
  expect_decomposes(zero, "zero");
  expect_decomposes(identity, "identity");
}

TEST(SingularVectors, ScaleWithTheMatrix) {
  const auto tensor = random_matrix(40, 30, 7);
  const auto found = methods::singular_vectors(tensor.view(), 30);
  for (const int exponent : {-1060, -100, 100, 1015}) {
    auto scaled = tensor;
    for (double& x : scaled.elements) x = std::ldexp(x, exponent);
    const auto other = methods::singular_vectors(scaled.view(), 30);
    const double tolerance = exponent < -1000 ? 1e-3 : 0.0;  // subnormal elements have few bits
    EXPECT_NEAR(std::ldexp(other.sigma[0], -exponent), found.sigma[0], tolerance * found.sigma[0]) << exponent;
    if (exponent < -1000) continue;
    EXPECT_EQ(largest_difference(other.u.view(), found.u.view()), 0.0) << exponent;
  }
}

TEST(SingularVectors, OfNanAreNan) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const Tensor<float> tensor{2, 3, {1, 2, 3, bad, 5, 6}};
    const auto found = methods::singular_vectors(tensor.view(), 2);
    EXPECT_TRUE(std::isnan(found.sigma[0]) && std::isnan(found.u(1, 1)) && std::isnan(found.v(2, 1)));
    EXPECT_TRUE(std::isnan(methods::polar(tensor.view()).view()(1, 2)));
  }
}

TEST(Polar, OfSmallMatricesIsTheOneFoundByHand) {
  const Polar quarter_turn = methods::polar(Tensor<float>{2, 2, {0, -2, 3, 0}}.view());
  EXPECT_NEAR(quarter_turn.view()(0, 1), -1.0, 1e-15);
  EXPECT_NEAR(quarter_turn.view()(1, 0), 1.0, 1e-15);
  EXPECT_NEAR(quarter_turn.view()(0, 0), 0.0, 1e-15);
  EXPECT_NEAR(quarter_turn.sum, 5.0, 1e-14);
  const Polar row = methods::polar(Tensor<float>{1, 2, {3, -4}}.view());
  EXPECT_NEAR(row.view()(0, 0), 0.6, 1e-15);
  EXPECT_NEAR(row.view()(0, 1), -0.8, 1e-15);
  const Polar rank_one = methods::polar(Tensor<float>{2, 2, {1, 1, 1, 1}}.view());
  EXPECT_EQ(rank_one.rank, 1U);
  EXPECT_NEAR(rank_one.view()(0, 1), 0.5, 1e-15);
}

TEST(Polar, OfZeroIsZeroAndOfNothingIsNothing) {
  const Polar zero = methods::polar(Tensor<float>{3, 2, std::vector<float>(6)}.view());
  EXPECT_EQ(zero.rank, 0U);
  EXPECT_EQ(zero.sum, 0.0);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(zero.view()(i, 1), 0.0);
  EXPECT_EQ(methods::polar(Tensor<float>{0, 5, {}}.view()).sum, 0.0);
}

TEST(Polar, IsThatOfAPlainDecomposition) {
  for (const auto& [rows, columns] : {std::pair<std::size_t, std::size_t>{24, 24}, {40, 17}, {17, 40}}) {
    const auto tensor = random_matrix(rows, columns, 9);
    const auto plain = plain_polar(rows, columns, {tensor.elements.begin(), tensor.elements.end()});
    const Polar found = methods::polar(tensor.view());
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < columns; ++j) {
        EXPECT_NEAR(found.view()(i, j), static_cast<double>(plain[i * columns + j]), 1e-13);
      }
    }
  }
}

TEST(Polar, LosesPrecisionOnlyWithTheConditionNumber) {
  for (const double condition : {1e1, 1e3, 1e5, 0.9e6}) {
    std::vector<double> sigma(50);
    for (std::size_t j = 0; j < 50; ++j) sigma[j] = std::pow(condition, -static_cast<double>(j) / 49.0);
    const auto direction = with_values(60, 50, std::vector<double>(50, 1.0), 10);
    const Polar found = methods::polar(with_values(60, 50, sigma, 10).view());
    EXPECT_EQ(found.rank, 50U) << condition;
    EXPECT_LE(largest_difference(found.view(), direction.view()), 4 * epsilon * condition + 1e-14) << condition;
  }
}

TEST(Polar, LeavesOutDirectionsUpToTheCut) {
  for (const double least : {1e-12, 1e-9, 0.999999e-6, 1.000001e-6, 1e-5}) {
    const auto tensor = with_values(30, 30, {1.0, 0.5, 0.25, least}, 11);
    const Polar found = methods::polar(tensor.view());
    const std::size_t rank = least > 1e-6 ? 4 : 3;
    EXPECT_EQ(found.rank, rank) << least;
    const auto expected = with_values(30, 30, std::vector<double>(rank, 1.0), 11);
    EXPECT_LE(largest_difference(found.view(), expected.view()), 1e-9) << least;
    EXPECT_NEAR(found.sum, 1.75 + least, 1e-14);
  }
}

/// All numbers of a decomposition and of a polar factor.
std::vector<double> numbers_of(const Tensor<double>& tensor) {
  const auto found = methods::singular_vectors(tensor.view(), 40);
  const Polar polar = methods::polar(tensor.view());
  std::vector<double> numbers = found.sigma;
  for (const Matrix* matrix : {&found.u, &found.v, &polar.factor}) {
    numbers.insert(numbers.end(), matrix->column(0), matrix->column(0) + matrix->rows() * matrix->columns());
  }
  return numbers;
}

TEST(MatrixTools, GiveTheSameBitsOnEveryInstructionSetAndThread) {
  const auto tensor = random_matrix(150, 90, 12);
  const auto expected = numbers_of(tensor);
  for (const auto set : available_instruction_sets()) {
    const WithInstructionSet with(set);
    std::array<std::vector<double>, 4> results;
    {
      std::vector<std::jthread> threads;
      for (auto& result : results) threads.emplace_back([&] { result = numbers_of(tensor); });
    }
    for (const auto& result : results) EXPECT_EQ(result, expected) << name(set);
  }
}

}  // namespace
}  // namespace stockpot::test
