// The methods that need sums only, against whole-tensor loops in float64 that move vectors instead of coefficients; for
// sizes around the block, every kind of axis, float and double; with the same bits in any order of tiles and on every
// instruction set.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <map>

#include "support/instruction_sets.hpp"
#include "support/random_tensor.hpp"
#include "support/reference_merge.hpp"
#include "support/run_method.hpp"

namespace stockpot::test {
namespace {

using reference::Lookup;
using Vector = std::vector<double>;
using Vectors = std::vector<Vector>;

double dot(const Vector& x, const Vector& y) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += x[i] * y[i];
  return sum;
}
double norm(const Vector& x) { return std::sqrt(dot(x, x)); }
Vector plus(Vector x, double factor, const Vector& y) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += factor * y[i];
  return x;
}
Vector scaled(double factor, const Vector& x) { return plus(Vector(x.size()), factor, x); }

/// Models, their differences from the base if `base` has values, and the base: all as float64.
template <class T>
Vectors vectors_of(const HandTensor<T>& in) {
  Vectors all;
  for (const auto& model : in.models) {
    Vector u(model.begin(), model.end());
    if (!in.base.empty()) u = plus(u, -1, Vector(in.base.begin(), in.base.end()));
    all.push_back(u);
  }
  return all;
}

/// The elements of each vector that nuslerp turns: by all indices but the one of the axis.
std::map<std::size_t, std::vector<std::size_t>> along_axis(const Lookup& p, const Shape& shape, std::size_t elements) {
  const bool flat = p.flag("nuslerp_flatten", true) || shape.size() < 2;
  const std::size_t axis = p.flag("nuslerp_row_wise", false) ? 0 : shape.size() - 1;
  std::map<std::size_t, std::vector<std::size_t>> vectors;
  for (std::size_t i = 0; i < elements; ++i) {
    std::size_t key = 0, stride = elements, rest = i;
    for (std::size_t d = 0; d < shape.size() && !flat; ++d) {
      stride /= shape[d];
      key = d == axis ? key : key * shape[d] + rest / stride;
      rest %= stride;
    }
    vectors[key].push_back(i);
  }
  return vectors;
}

Vector nuslerp(const Lookup& p, const Vectors& u, const Shape& shape) {
  const double w1 = p.of_model("weight", 0, NAN), w2 = p.of_model("weight", 1, NAN), t = w2 / (w1 + w2);
  Vector out(u[0].size());
  for (const auto& [key, places] : along_axis(p, shape, out.size())) {
    Vector x, y;
    for (const std::size_t i : places) x.push_back(u[0][i]), y.push_back(u[1][i]);
    const double c = dot(x, y) / (std::max(norm(x), 1e-7) * std::max(norm(y), 1e-7));
    const double theta = std::acos(std::min(1.0, std::max(-1.0, c)));
    const bool straight = std::sin(theta) < 1e-8 || c < -1 + 1e-6;
    const double first = straight ? 1 - t : std::sin((1 - t) * theta) / std::sin(theta);
    const double second = straight ? t : std::sin(t * theta) / std::sin(theta);
    for (std::size_t i = 0; i < places.size(); ++i) out[places[i]] = first * x[i] + second * y[i];
  }
  return out;
}

Vector multislerp(const Lookup& p, const Vectors& u) {
  Vector mean(u[0].size());
  double sum = 0, length = 0;
  for (std::size_t m = 0; m < u.size(); ++m) sum += p.of_model("weight", m, NAN);
  for (std::size_t m = 0; m < u.size(); ++m) {
    const double w = p.of_model("weight", m, NAN) / (p.flag("normalize_weights", true) ? sum : 1);
    mean = plus(mean, w / (norm(u[m]) + 1e-8), u[m]);
    length += w * norm(u[m]);
  }
  return norm(mean) == 0 ? mean : scaled(length / norm(mean), mean);
}

Vector karcher(const Lookup& p, const Vectors& x) {
  double sum = 0, length = 0;
  for (std::size_t m = 0; m < x.size(); ++m) sum += p.of_model("weight", m, 1);
  Vector y(x[0].size());
  for (std::size_t m = 0; m < x.size(); ++m) {
    const double share = p.of_model("weight", m, 1) / sum;
    length += share * norm(x[m]);
    if (norm(x[m]) > 0) y = plus(y, share / norm(x[m]), x[m]);
  }
  if (norm(y) == 0) return y;
  y = scaled(1 / norm(y), y);
  for (double i = 0; i < p.number("max_iter", 10); ++i) {
    Vector tangent(y.size());
    for (std::size_t m = 0; m < x.size(); ++m) {
      const Vector unit = scaled(1 / norm(x[m]), x[m]);
      const double d = std::min(1.0, std::max(-1.0, dot(y, unit))), angle = std::acos(d);
      if (angle < 1e-5) continue;
      tangent = plus(tangent, p.of_model("weight", m, 1) / sum * angle / std::sin(angle), plus(unit, -d, y));
    }
    const double r = norm(tangent);
    if (r < 1e-5) break;
    y = plus(scaled(std::cos(r), y), std::sin(r) / r, tangent);
    y = scaled(1 / norm(y), y);
  }
  return scaled(length, y);
}

Vector geometric_median(const Lookup& p, const Vectors& x) {
  Vector share, mean;
  for (std::size_t m = 0; m < x.size(); ++m) share.push_back(p.of_model("weight", m, 1));
  double before = std::numeric_limits<double>::infinity();
  for (double i = 0; i <= p.number("max_iter", 100); ++i) {
    double sum = 0, objective = 0;
    for (const double s : share) sum += s;
    mean.assign(x[0].size(), 0);
    for (std::size_t m = 0; m < x.size(); ++m) mean = plus(mean, share[m] / sum, x[m]);
    for (std::size_t m = 0; m < x.size(); ++m) {
      const double w = p.of_model("weight", m, 1), distance = norm(plus(x[m], -1, mean));
      objective += w * distance / static_cast<double>(x.size());
      share[m] = w / std::max(distance, 1e-6);
    }
    if (std::abs(before - objective) <= p.number("tol", 1e-12) * objective) break;
    before = objective;
  }
  return mean;
}

Vector metagpt(const Vectors& delta) {
  double all = 0;
  Vector out(delta[0].size());
  for (const Vector& d : delta) all += dot(d, d);
  for (const Vector& d : delta) out = all == 0 ? out : plus(out, dot(d, d) / all, d);
  return out;
}

struct Case {
  std::string method;
  Parameters parameters;
  std::size_t models = 3;
  bool base = false;
};

const std::vector<Case>& cases() {
  static const Parameters rows{{"weight", {0.7, 0.4}}, {"nuslerp_flatten", false}};
  static const Parameters columns{{"weight", {0.7, 0.4}}, {"nuslerp_flatten", false}, {"nuslerp_row_wise", true}};
  static const std::vector<Case> all{
      {"nuslerp", {{"weight", {0.7, 0.4}}}, 2},
      {"nuslerp", {{"weight", {0.7, 0.4}}}, 2, true},
      {"nuslerp", rows, 2},
      {"nuslerp", rows, 2, true},
      {"nuslerp", columns, 2},
      {"nuslerp", columns, 2, true},
      {"multislerp", {{"weight", {0.7, 0.4, 1.1}}}},
      {"multislerp", {{"weight", {0.7, 0.4, -0.3}}, {"normalize_weights", false}}, 3, true},
      {"multislerp", {{"weight", 1}}, 9},
      {"karcher", {}},
      {"karcher", {{"weight", {1, 2, 3, 4, 5, 6, 7}}, {"max_iter", 3}}, 7},
      {"geometric_median", {{"max_iter", 7}, {"tol", 0}}},
      {"geometric_median", {{"weight", {3, 1, 2, 1, 1, 2}}, {"max_iter", 20}, {"tol", 0}}, 6},
      {"metagpt", {}, 3, true},
  };
  return all;
}

template <class T>
Vector expected(const Case& test, const HandTensor<T>& in) {
  const Lookup p(test.parameters);
  const Vectors u = vectors_of(in);
  Vector out = test.method == "nuslerp"      ? nuslerp(p, u, in.shape)
               : test.method == "multislerp" ? multislerp(p, u)
               : test.method == "karcher"    ? karcher(p, u)
               : test.method == "metagpt"    ? metagpt(u)
                                             : geometric_median(p, u);
  return in.base.empty() ? out : plus(out, 1, Vector(in.base.begin(), in.base.end()));
}

class GramReference : public ::testing::TestWithParam<std::size_t> {
 protected:
  const Case& test() const { return cases()[GetParam()]; }

  template <class T>
  void compare(const Shape& shape, double tolerance) {
    auto in = random_tensor<T>(checked_elements(shape).value(), test().models, shape.front() + 3);
    in.shape = shape;
    if (!test().base) in.base.clear();
    const Vector want = expected(test(), in);
    double largest = 1;
    for (const double value : want) largest = std::max(largest, std::abs(value));
    std::vector<T> first;
    for (const auto set : available_instruction_sets()) {
      const WithInstructionSet chosen(set);
      const auto got = merged(test().method, test().parameters, in,
                              {.blocks_per_tile = 2, .shuffle = static_cast<std::uint64_t>(set)});
      ASSERT_EQ(got.size(), want.size());
      if (first.empty()) first = got;
      EXPECT_EQ(got, first) << "other values on " << name(set);
      for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], tolerance * largest) << i;
    }
  }
};

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all{{0},           {1},        {65535},  {65536},     {65537},      {3 * 65536 + 5},
                                      {5, 70'001},   {301, 331}, {999, 1}, {1, 999},    {0, 4},       {70'001, 2},
                                      {13, 5, 1031}, {3, 1, 7},  {1, 1},   {2, 65'536}, {66, 2, 1000}};
  return all;
}

TEST_P(GramReference, AgreesInFloat) {
  for (const Shape& shape : shapes()) {
    SCOPED_TRACE(test().method + " " + to_string(shape));
    compare<float>(shape, 1e-6);
  }
}

TEST_P(GramReference, AgreesInDouble) {
  for (const Shape& shape : shapes()) {
    SCOPED_TRACE(test().method + " " + to_string(shape));
    compare<double>(shape, 1e-12);
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, GramReference, ::testing::Range<std::size_t>(0, cases().size()),
                         [](const auto& instance) {
                           return cases()[instance.param].method + "_" + std::to_string(instance.param);
                         });

}  // namespace
}  // namespace stockpot::test
