// exp, log and tanh of doubles from + - * / and the bits of numbers alone: the same bits on every machine, which no
// libm promises.
//
// Written without branches, so that loops over them vectorise: what is special about an argument is settled by selects.
// exp and log stay within 1 unit in the last place, tanh within 1.5.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace stockpot {
namespace detail {

/// ln 2: a piece of so few bits that its products with exponents are exact, and the rest.
constexpr double ln2_head = 0x1.62e42feep-1;
constexpr double ln2_rest = 0x1.a39ef35793c76p-33;

/// Adding it rounds a number below 2^51 in magnitude to the nearest integer, which is then in the low bits of the sum.
constexpr double integer_shifter = 0x1.8p52;

/// (e^x - 1 - x) / x^2 in powers of x, enough of them for |x| <= ln(2) / 2.
constexpr auto exp_series = [] {
  std::array<double, 12> c{0.5};
  for (std::size_t n = 1; n < c.size(); ++n) c[n] = c[n - 1] / static_cast<double>(n + 2);
  return c;
}();

/// log((1 + s) / (1 - s)) = 2 s + s * (these in powers of s^2, beginning with s^2), |s| <= 0.1716.
constexpr auto log_series = [] {
  std::array<double, 10> c{};
  for (std::size_t n = 0; n < c.size(); ++n) c[n] = 2.0 / static_cast<double>(2 * n + 3);
  return c;
}();

/// The same for |s| <= nearly_equal, which takes fewer of them.
constexpr auto ratio_series = [] {
  std::array<double, 5> c{};
  std::copy_n(log_series.begin(), c.size(), c.begin());
  return c;
}();

/// sum of c[n] * x^n, highest power first; unrolled here, since only loops without inner loops vectorise.
template <std::size_t first = 0, std::size_t terms>
constexpr double unrolled_polynomial(const std::array<double, terms>& c, double x) {
  if constexpr (first + 1 == terms) {
    return c[first];
  } else {
    return unrolled_polynomial<first + 1>(c, x) * x + c[first];
  }
}

/// condition ? yes : no. By masks, since the compiler makes branches of ?: when it can spare operations that might trap,
/// and then does not vectorise.
inline double select(bool condition, double yes, double no) {
  const std::uint64_t mask = std::uint64_t{0} - std::uint64_t{condition};
  return std::bit_cast<double>((std::bit_cast<std::uint64_t>(yes) & mask) | (std::bit_cast<std::uint64_t>(no) & ~mask));
}

/// @param n  an integer in [-1022, 1023]
inline double power_of_two(double n) {
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(n + (integer_shifter + 1023.0)) << 52);
}

/// e^x = 2^exponent * (1 + (head + rest)), head + rest in [-0.3, 0.42].
struct Expanded {
  double exponent, head, rest;
};

/// @pre |x| < 1000, or NaN
inline Expanded expand(double x) {
  constexpr double log2_e = 0x1.71547652b82fep+0;
  const double exponent = (x * log2_e + integer_shifter) - integer_shifter;
  const double head = x - exponent * ln2_head;  // exact
  const double missing = exponent * ln2_rest;
  const double reduced = head - missing;
  return {exponent, head, reduced * reduced * unrolled_polynomial(exp_series, reduced) - missing};
}

}  // namespace detail

inline double exponential(double x) {
  const detail::Expanded e = detail::expand(x);
  // In two steps: results may be subnormal, and one power of two does not reach them. The first step is exact.
  const double half = (0.5 * e.exponent + detail::integer_shifter) - detail::integer_shifter;
  const double value = (1.0 + (e.head + e.rest)) * detail::power_of_two(half) * detail::power_of_two(e.exponent - half);
  const double not_high = detail::select(x > 710.0, std::numeric_limits<double>::infinity(), value);
  return detail::select(x < -746.0, 0.0, not_high);
}

/// The natural logarithm. Of 0: -infinity; of what is below: NaN.
inline double logarithm(double x) {
  // The argument as 2^exponent * (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), by its bits.
  constexpr std::uint64_t one = std::bit_cast<std::uint64_t>(1.0);
  constexpr std::uint64_t root_half = std::bit_cast<std::uint64_t>(0x1.6a09e667f3bcdp-1);
  constexpr std::uint64_t integer = std::bit_cast<std::uint64_t>(0x1p52);
  const bool subnormal = x < 0x1p-1022;
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(detail::select(subnormal, x * 0x1p54, x)) + (one - root_half);
  const double exponent =
      (std::bit_cast<double>((bits >> 52) | integer) - (0x1p52 + 1023.0)) - detail::select(subnormal, 54.0, 0.0);
  const double f = std::bit_cast<double>((bits & ((std::uint64_t{1} << 52) - 1)) + root_half) - 1.0;

  // log(1 + f) = 2 s + s R = f - (f^2 / 2 - s (f^2 / 2 + R)), where f is exact and the rest small.
  const double s = f / (2.0 + f);
  const double square = s * s;
  const double half = 0.5 * f * f;
  const double tail = s * (half + square * detail::unrolled_polynomial(detail::log_series, square));
  const double sum = exponent * detail::ln2_head - ((half - (tail + exponent * detail::ln2_rest)) - f);

  const double above_zero = detail::select(x > std::numeric_limits<double>::max(), x, sum);
  const double at_least_zero = detail::select(x == 0.0, -std::numeric_limits<double>::infinity(), above_zero);
  return detail::select(x >= 0.0, at_least_zero, std::numeric_limits<double>::quiet_NaN());
}

/// The most that logarithm_of_ratio() takes.
inline constexpr double nearly_equal = 0x1p-5;

/// log(p / q) = log((1 + s) / (1 - s)) of s = (p - q) / (p + q), where p and q hardly differ: of their quotient, a number next
/// to 1, rounding takes away most of what they differ by. Within 1 unit in the last place. @pre |s| <= nearly_equal
inline double logarithm_of_ratio(double s) {
  const double square = s * s;
  return (s + s) + s * (square * detail::unrolled_polynomial(detail::ratio_series, square));
}

inline double hyperbolic_tangent(double x) {
  // tanh|x| = -t / (2 + t), t = e^(-2|x|) - 1. Numerator and denominator are carried in two pieces each: rounding them
  // would cost another unit.
  const double magnitude = detail::select(std::abs(x) > 20.0, 20.0, std::abs(x));  // 1 from there on
  const detail::Expanded e = detail::expand(-2.0 * magnitude);
  const double power = detail::power_of_two(e.exponent);
  const double change = e.head + e.rest, change_rest = (e.head - change) + e.rest;
  const double whole = power - 1.0, part = power * change;
  const double t = whole + part, t_rest = ((whole - t) + part) + power * change_rest;
  const double below = 2.0 + t, below_rest = ((2.0 - below) + t) + t_rest;
  const double quotient = -t / below;
  return std::copysign(quotient - (t_rest + quotient * below_rest) / below, x);
}

}  // namespace stockpot
