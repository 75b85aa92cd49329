// acos, sin and cos from + - * / and sqrt alone: the same bits on every machine, which no libm promises.
//
// Errors stay below 2 units in the last place of a double; the coefficients made of them are rounded to float32.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

namespace stockpot {
namespace detail {

/// sum of c[n] * x^n, highest power first.
template <std::size_t terms>
constexpr double polynomial(const std::array<double, terms>& c, double x) {
  double sum = c[terms - 1];
  for (std::size_t n = terms - 1; n-- > 0;) sum = sum * x + c[n];
  return sum;
}

/// Taylor series of asin(x) / x - 1 over x^2, in powers of x^2: enough terms for |x| <= 1/2.
constexpr auto asin_series = [] {
  std::array<double, 26> c{};
  double central = 1.0;  // (2n)! / (4^n n!^2)
  for (std::size_t i = 0; i < c.size(); ++i) {
    const double n = static_cast<double>(i + 1);
    central *= (2.0 * n - 1.0) / (2.0 * n);
    c[i] = central / (2.0 * n + 1.0);
  }
  return c;
}();

/// Coefficients `first`, -first / (k (k + 1)), ...: the tail of a Taylor series of sin or cos in powers of x^2.
constexpr std::array<double, 8> circular_series(double first, double k) {
  std::array<double, 8> c{first};
  for (std::size_t i = 1; i < c.size(); ++i, k += 2.0) c[i] = -c[i - 1] / (k * (k + 1.0));
  return c;
}
constexpr auto sin_series = circular_series(-1.0 / 6.0, 4.0);  // sin(x) = x + x^3 * series
constexpr auto cos_series = circular_series(1.0 / 24.0, 5.0);  // cos(x) = 1 - x^2 / 2 + x^4 * series

/// pi/2 as a double and what that lacks.
constexpr double half_pi = 0x1.921fb54442d18p+0;
constexpr double half_pi_rest = 0x1.1a62633145c07p-54;

/// An angle as quadrant * pi/2 + (value + rest), |value| <= pi/4.
struct Reduced {
  int quadrant;
  double value, rest;
};

inline Reduced reduce(double angle) {
  // pi/2 in three pieces of which the first two have 33 bits: their products with the multiple are exact.
  constexpr double piece1 = 0x1.921fb544p+0, piece2 = 0x1.0b4611a6p-34, piece3 = 0x1.3198a2e037073p-69;
  const double multiple = std::floor(angle / half_pi + 0.5);
  const double coarse = angle - multiple * piece1;
  const double fine = multiple * piece2;
  const double difference = coarse - fine;
  // What the subtraction lost, exactly (two-sum), and the last piece.
  const double back = difference - coarse;
  const double lost = (coarse - (difference - back)) - (fine + back);
  const double rest = lost - multiple * piece3;
  const double value = difference + rest;
  return {static_cast<int>(multiple - 4.0 * std::floor(multiple / 4.0)), value, (difference - value) + rest};
}

/// sin(value + rest), |value| <= pi/4.
inline double sin_near_zero(double value, double rest) {
  const double square = value * value;
  return value + (value * (square * polynomial(sin_series, square)) + rest * (1.0 - 0.5 * square));
}

/// cos(value + rest), |value| <= pi/4.
inline double cos_near_zero(double value, double rest) {
  const double square = value * value;
  const double half = 0.5 * square;
  const double head = 1.0 - half;
  const double tail = square * square * polynomial(cos_series, square);
  return head + (((1.0 - head) - half) + (tail - value * rest));
}

/// sin(angle + quadrants * pi/2)
inline double sin_shifted(double angle, int quadrants) {
  if (!std::isfinite(angle)) return angle - angle;
  const Reduced r = reduce(angle);
  const int quadrant = (r.quadrant + quadrants) % 4;
  const double magnitude = quadrant % 2 == 0 ? sin_near_zero(r.value, r.rest) : cos_near_zero(r.value, r.rest);
  return quadrant < 2 ? magnitude : -magnitude;
}

/// asin(x), |x| <= 1/2.
inline double asin_small(double x) {
  const double square = x * x;
  return x + x * (square * polynomial(asin_series, square));
}

}  // namespace detail

/// @param angle  |angle| < 2^19 for full accuracy.
inline double sine(double angle) { return detail::sin_shifted(angle, 0); }
inline double cosine(double angle) { return detail::sin_shifted(angle, 1); }

/// @param x  in [-1, 1], else NaN.
inline double arc_cosine(double x) {
  using namespace detail;
  if (std::abs(x) <= 0.5) return half_pi - (asin_small(x) - half_pi_rest);
  if (x > 0.5) return 2.0 * asin_small(std::sqrt((1.0 - x) / 2.0));
  return 2.0 * (half_pi - (asin_small(std::sqrt((1.0 + x) / 2.0)) - half_pi_rest));
}

}  // namespace stockpot
