// tsvm, iso_c and iso_cts against the formulas evaluated plainly in extended precision.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "support/jacobi_svd.hpp"
#include "support/run_method.hpp"

namespace stockpot::test {
namespace {

using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pointwise;
using Floats = std::vector<float>;

/// Row by row.
struct PlainMatrix {
  std::size_t rows, columns;
  std::vector<long double> elements;
  long double& operator()(std::size_t i, std::size_t j) { return elements[i * columns + j]; }
  long double operator()(std::size_t i, std::size_t j) const { return elements[i * columns + j]; }
};

PlainMatrix zero(std::size_t rows, std::size_t columns) {
  return {rows, columns, std::vector<long double>(rows * columns)};
}

PlainMatrix plain_product(const PlainMatrix& a, const PlainMatrix& b) {
  PlainMatrix c = zero(a.rows, b.columns);
  for (std::size_t i = 0; i < a.rows; ++i) {
    for (std::size_t k = 0; k < a.columns; ++k) {
      for (std::size_t j = 0; j < b.columns; ++j) c(i, j) += a(i, k) * b(k, j);
    }
  }
  return c;
}

PlainMatrix transposed(const PlainMatrix& a) {
  PlainMatrix t = zero(a.columns, a.rows);
  for (std::size_t i = 0; i < a.rows; ++i) {
    for (std::size_t j = 0; j < a.columns; ++j) t(j, i) = a(i, j);
  }
  return t;
}

PlainMatrix polar_of(const PlainMatrix& a) { return {a.rows, a.columns, plain_polar(a.rows, a.columns, a.elements)}; }

template <class T>
PlainMatrix task_vector(const HandTensor<T>& tensor, std::size_t m) {
  PlainMatrix delta = zero(tensor.shape[0], tensor.shape[1]);
  for (std::size_t i = 0; i < tensor.base.size(); ++i) delta.elements[i] = tensor.models[m][i] - tensor.base[i];
  return delta;
}

/// Singular vectors of several matrices side by side.
struct Joined {
  std::vector<Column> u, v;
  std::vector<long double> sigma;

  void add(const PlainMatrix& matrix, std::size_t count) {
    const PlainSvd svd = jacobi_svd(matrix.rows, matrix.columns, matrix.elements);
    for (std::size_t j = 0; j < count; ++j) {
      u.push_back(svd.u[j]);
      v.push_back(svd.v[j]);
      sigma.push_back(svd.sigma[j]);
    }
  }
  static PlainMatrix matrix_of(const std::vector<Column>& columns) {
    PlainMatrix m = zero(columns.front().size(), columns.size());
    for (std::size_t j = 0; j < columns.size(); ++j) {
      for (std::size_t i = 0; i < m.rows; ++i) m(i, j) = columns[j][i];
    }
    return m;
  }
  /// polar(U) diag(factors) polar(V)^T
  PlainMatrix merged(const std::vector<long double>& factors) const {
    PlainMatrix left = polar_of(matrix_of(u));
    for (std::size_t i = 0; i < left.rows; ++i) {
      for (std::size_t j = 0; j < left.columns; ++j) left(i, j) *= factors[j];
    }
    return plain_product(left, transposed(polar_of(matrix_of(v))));
  }
};

template <class T>
PlainMatrix plain_tsvm(const HandTensor<T>& tensor, const std::vector<long double>& weights) {
  Joined joined;
  for (std::size_t m = 0; m < tensor.models.size(); ++m) {
    PlainMatrix delta = task_vector(tensor, m);
    for (auto& x : delta.elements) x *= weights[m];
    joined.add(delta, std::min(delta.rows, delta.columns) / tensor.models.size());
  }
  return joined.merged(joined.sigma);
}

template <class T>
PlainMatrix sum_of_task_vectors(const HandTensor<T>& tensor) {
  PlainMatrix sum = zero(tensor.shape[0], tensor.shape[1]);
  for (std::size_t m = 0; m < tensor.models.size(); ++m) {
    const PlainMatrix delta = task_vector(tensor, m);
    for (std::size_t i = 0; i < delta.elements.size(); ++i) sum.elements[i] += delta.elements[i];
  }
  return sum;
}

/// @param common  how many directions of the sum, worked out by hand for each case
template <class T>
PlainMatrix plain_iso_cts(const HandTensor<T>& tensor, std::size_t common) {
  const PlainMatrix sum = sum_of_task_vectors(tensor);
  const std::size_t all = std::min(sum.rows, sum.columns);
  const PlainSvd svd = jacobi_svd(sum.rows, sum.columns, sum.elements);
  Joined joined;
  for (std::size_t m = 0; m < tensor.models.size() && common < all; ++m) {
    PlainMatrix delta = task_vector(tensor, m);
    if (common > 0) {
      const PlainMatrix u = Joined::matrix_of({svd.u.begin(), svd.u.begin() + static_cast<std::ptrdiff_t>(common)});
      const PlainMatrix along = plain_product(u, plain_product(transposed(u), delta));
      for (std::size_t i = 0; i < delta.elements.size(); ++i) delta.elements[i] -= along.elements[i];
    }
    joined.add(delta, (all - common) / tensor.models.size());
  }
  joined.add(sum, common);
  long double mean = 0.0L;
  for (const long double sigma : joined.sigma) mean += sigma / static_cast<long double>(all);
  return joined.merged(std::vector<long double>(all, mean));
}

/// Base and models of normally distributed elements, in T as they are drawn in float32.
template <class T>
HandTensor<T> normal_matrix(std::uint64_t rows, std::uint64_t columns, std::size_t models, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  HandTensor<T> tensor{.shape = {rows, columns}, .base = std::vector<T>(rows * columns), .models = {}};
  for (T& x : tensor.base) x = static_cast<T>(normal(random));
  tensor.models.assign(models, tensor.base);
  for (auto& model : tensor.models) {
    for (T& x : model) x += static_cast<T>(normal(random));
  }
  return tensor;
}

/// `tolerance` is of the largest element of the task vector.
template <class T>
void expect_adds(const HandTensor<T>& tensor, const std::vector<T>& out, const PlainMatrix& expected, double tolerance,
                 long double lambda = 1.0L) {
  long double largest = 0.0L;
  for (const long double x : expected.elements) largest = std::max(largest, std::abs(x));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const long double want = tensor.base[i] + lambda * expected.elements[i];
    ASSERT_NEAR(static_cast<double>(out[i]), static_cast<double>(want), tolerance * static_cast<double>(largest)) << i;
  }
}

HandTensor<float> example(std::size_t models) {
  HandTensor<float> tensor{.shape = {2, 3}, .base = {1, -2, 0.5, 0, 3, -1}, .models = {}};
  tensor.models = {{1.5, -3, 0.75, 0, 5, -1.5}, {0.75, -2.5, 1.5, 0.75, 3, -0.5}, {2, -1.5, 0, 0.25, 2, -1}};
  tensor.models.resize(models);
  return tensor;
}

/// Worked examples 47 to 51 of the specification.
TEST(MatrixMethods, GiveTheWorkedExamples) {
  const auto near = [](const Floats& values) { return Pointwise(FloatNear(1e-6f), values); };
  const auto ab = example(2), abc = example(3);
  const Floats both{1.644896f, -2.944961f, 2.037318f, 0.9523845f, 4.564887f, -0.4376125f};
  EXPECT_THAT(merged("tsvm", {}, ab), near({1.152897f, -3.105509f, 1.501679f, -0.147145f, 5.020164f, -0.3104144f}));
  EXPECT_THAT(merged("iso_c", {}, ab), near(both));
  EXPECT_THAT(merged("iso_c", {}, abc), near({2.077267f, -2.952267f, 1.176511f, 1.065334f, 4.178401f, -1.037689f}));
  EXPECT_THAT(merged("iso_cts", {{"common_fraction", 0}}, ab),
              near({1.160289f, -2.891828f, 2.012057f, -0.08992639f, 4.512182f, -0.0985651f}));
  EXPECT_THAT(merged("iso_cts", {{"common_fraction", 0.5}}, ab), near(both));
}

struct Dimensions {
  std::size_t rows, columns;
};
constexpr Dimensions dimensions[] = {{24, 24}, {30, 17}, {17, 30}};

TEST(MatrixMethods, GiveTheFormulaEvaluatedPlainly) {
  for (const auto& [rows, columns] : dimensions) {
    for (const std::size_t models : {1U, 2U, 3U}) {
      const auto tensor = normal_matrix<float>(rows, columns, models, rows + models);
      expect_adds(tensor, merged("tsvm", {}, tensor), plain_tsvm(tensor, {1.0L, 1.0L, 1.0L}), 2e-6);
      const std::size_t all = std::min(rows, columns);
      expect_adds(tensor, merged("iso_c", {}, tensor), plain_iso_cts(tensor, all), 2e-6);
    }
    const auto tensor = normal_matrix<float>(rows, columns, 2, rows);
    // 24: 24 - 12 = 12, a half is 6. 17: 17 - 8 = 9, a half is 4.5, rounded to the even 4.
    expect_adds(tensor, merged("iso_cts", {{"common_fraction", 0.5}}, tensor),
                plain_iso_cts(tensor, rows == columns ? 12 : 9), 2e-6);
  }
}

TEST(MatrixMethods, KeepDoublePrecisionForDoubleTensors) {
  const auto tensor = normal_matrix<double>(20, 15, 2, 1);
  expect_adds(tensor, merged("tsvm", {}, tensor), plain_tsvm(tensor, {1.0L, 1.0L}), 1e-12);
  expect_adds(tensor, merged("iso_c", {}, tensor), plain_iso_cts(tensor, 15), 1e-12);
  expect_adds(tensor, merged("iso_cts", {{"common_fraction", 0.6}}, tensor), plain_iso_cts(tensor, 9), 1e-12);
}

TEST(MatrixMethods, ScaleTheTaskVectorByLambdaAndTheTasksByTheirWeights) {
  const auto tensor = normal_matrix<float>(12, 9, 2, 2);
  expect_adds(tensor, merged("tsvm", {{"weight", {0.5, -2}}, {"lambda", 0.75}}, tensor),
              plain_tsvm(tensor, {0.5L, -2.0L}), 2e-6, 0.75L);
  expect_adds(tensor, merged("iso_c", {{"lambda", -0.5}}, tensor), plain_iso_cts(tensor, 9), 2e-6, -0.5L);
}

TEST(IsoCts, DealsOutTheDirectionsByTheRoundingRule) {
  const auto expect_common = [](std::size_t all, std::size_t models, double fraction, std::size_t common) {
    const auto tensor = normal_matrix<float>(all, all + 2, models, all);
    expect_adds(tensor, merged("iso_cts", {{"common_fraction", fraction}}, tensor), plain_iso_cts(tensor, common),
                4e-6);
  };
  expect_common(10, 2, 1.0, 10);  // nothing left
  expect_common(10, 2, 0.0, 0);   // nothing common
  expect_common(10, 2, 0.8, 8);
  expect_common(10, 3, 0.8, 7);  // 2 / 3 rounds to one each, which takes one from the common part
  expect_common(11, 4, 0.0, 3);  // 11 / 4 rounds to 3, but 12 are more than there are: 2 each
  expect_common(10, 4, 0.0, 2);  // 10 / 4 is a tie, 2 is even
  expect_common(6, 4, 0.0, 2);   // 6 / 4 is a tie, 2 is even, but 8 are more than there are: 1 each
  expect_common(3, 7, 0.0, 3);   // more models than directions
}

TEST(Tsvm, OfMoreModelsThanDirectionsIsTheMeanAndSaysSo) {
  const auto run = run_method("tsvm", {{"lambda", 2}}, std::vector{example(3)});
  EXPECT_THAT(run.passes, IsEmpty());
  ASSERT_EQ(run.remarks.size(), 1U);
  EXPECT_THAT(run.remarks[0], HasSubstr("mean of the task vectors"));
  const float third = 1.25f / 3.0f;  // 0.5 - 0.25 + 1
  EXPECT_FLOAT_EQ(run.tensors[0][0], 1.0f + 2.0f * third);
}

TEST(MatrixMethods, TakeTheMeanOfWhatIsNoMatrixOrIsExcluded) {
  auto vector = example(2), excluded = example(2), cube = example(2);
  vector.shape = {6};
  cube.shape = {1, 2, 3};
  const Floats mean{1.125f, -2.75f, 1.125f, 0.375f, 4.0f, -1.0f};
  for (const char* method : {"tsvm", "iso_c", "iso_cts"}) {
    for (const auto& [tensor, parameters] : {std::pair(vector, Parameters{}), std::pair(cube, Parameters{}),
                                             std::pair(excluded, Parameters{{"exclude", true}})}) {
      const auto run = run_method(method, parameters, std::vector{tensor});
      EXPECT_EQ(run.tensors[0], mean) << method;
      EXPECT_THAT(run.passes, IsEmpty()) << method;
      EXPECT_THAT(run.remarks, IsEmpty()) << method;
    }
  }
}

TEST(MatrixMethods, GiveTheBaseForModelsEqualToIt) {
  auto tensor = normal_matrix<float>(9, 7, 2, 3);
  tensor.models.assign(2, tensor.base);
  for (const char* method : {"tsvm", "iso_c", "iso_cts"}) EXPECT_EQ(merged(method, {}, tensor), tensor.base) << method;
}

TEST(MatrixMethods, DoWithEqualModels) {
  auto tensor = normal_matrix<float>(12, 8, 2, 4);
  tensor.models[1] = tensor.models[0];
  expect_adds(tensor, merged("tsvm", {}, tensor), plain_tsvm(tensor, {1.0L, 1.0L}), 2e-6);
  expect_adds(tensor, merged("iso_c", {}, tensor), plain_iso_cts(tensor, 8), 2e-6);
  expect_adds(tensor, merged("iso_cts", {{"common_fraction", 0.5}}, tensor), plain_iso_cts(tensor, 4), 2e-6);
}

/// Models that change the base by a matrix of rank one each: u_m v_m^T, of unit vectors times `length`.
HandTensor<float> rank_one_changes(std::initializer_list<float> lengths) {
  HandTensor<float> tensor{.shape = {6, 5}, .base = Floats(30), .models = {}};
  std::size_t place = 0;
  for (const float length : lengths) {
    Floats model(30);
    model[place * 5 + (place + 1)] = length;  // row `place`, column `place` + 1
    tensor.models.push_back(model);
    ++place;
  }
  return tensor;
}

TEST(MatrixMethods, GiveDirectionsThatNobodyChangedNoWeight) {
  const auto tensor = rank_one_changes({4.0f, 2.0f});
  Floats kept(30), equal(30);
  kept[1] = 4.0f, kept[7] = 2.0f;
  equal[1] = equal[7] = 6.0f / 5.0f;
  const auto near = [](const Floats& values) { return Pointwise(FloatNear(1e-6f), values); };
  EXPECT_THAT(merged("tsvm", {}, tensor), near(kept));
  EXPECT_THAT(merged("iso_c", {}, tensor), near(equal));
  EXPECT_THAT(merged("iso_cts", {}, tensor), near(equal));
}

TEST(MatrixMethods, CarryNanThroughTheWholeMatrix) {
  auto tensor = normal_matrix<float>(6, 5, 2, 5);
  tensor.models[1][7] = std::numeric_limits<float>::quiet_NaN();
  for (const char* method : {"tsvm", "iso_c", "iso_cts"}) {
    for (const float x : merged(method, {}, tensor)) EXPECT_TRUE(std::isnan(x)) << method;
  }
}

TEST(MatrixMethods, GiveTheSameBitsForTilesInAnyOrder) {
  const auto tensor = normal_matrix<float>(300, 450, 2, 6);  // three blocks
  for (const char* method : {"tsvm", "iso_c", "iso_cts"}) {
    const auto expected = merged(method, {}, tensor);
    EXPECT_EQ(merged(method, {}, tensor, {.blocks_per_tile = 2, .shuffle = 7}), expected) << method;
  }
}

TEST(MatrixMethods, AskForOneRankAndTheMemoryOfWhatTheyGather) {
  const auto needs = [](const char* name, Shape shape, bool float64) {
    const methods::MethodSpec& spec = *methods::find_method(name);
    const std::uint64_t elements = shape.size() == 2 ? shape[0] * shape[1] : shape[0];
    return spec.needs(methods::Settings(spec, 3),
                      {.elements = elements, .models = 3, .float64 = float64, .shape = std::move(shape)});
  };
  EXPECT_EQ(needs("tsvm", {10, 20}, false).state_bytes, 3U * 200 * 4);
  EXPECT_EQ(needs("iso_cts", {10, 20}, true).state_bytes, 3U * 200 * 8);
  EXPECT_EQ(needs("iso_c", {10, 20}, false).state_bytes, 200U * 4);
  EXPECT_TRUE(needs("iso_c", {10, 20}, false).one_rank);
  EXPECT_FALSE(needs("iso_c", {10}, false).one_rank);
  EXPECT_EQ(needs("iso_c", {10}, false).state_bytes, 0U);
  EXPECT_EQ(needs("tsvm", {2, 20}, false).passes, 0);
}

}  // namespace
}  // namespace stockpot::test
