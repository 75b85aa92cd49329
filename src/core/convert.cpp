#include "core/convert.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

#include "core/error.hpp"
#include "core/float8.hpp"
#include "core/half.hpp"
#include "core/simd.hpp"

namespace stockpot {
namespace {

// A stored element type: how its bits become a float or double and back, and which bits mean NaN or infinity.
struct Bf16 {
  using Bits = std::uint16_t;
  static constexpr Bits exponent = 0x7F80, quiet = 0x7FC0, sign = 0x8000;
  static float to_float(Bits b) { return bf16_to_f32(b); }
  static Bits from(float v) { return f32_to_bf16(v); }
};
struct F16 {
  using Bits = std::uint16_t;
  static constexpr Bits exponent = 0x7C00, quiet = 0x7E00, sign = 0x8000;
  static float to_float(Bits b) { return f16_to_f32(b); }
  static Bits from(float v) { return f32_to_f16(v); }
};
struct F32 {
  using Bits = std::uint32_t;
  static constexpr Bits exponent = 0x7F800000, quiet = 0x7FC00000, sign = 0x80000000;
  static float to_float(Bits b) { return std::bit_cast<float>(b); }
  static Bits from(float v) { return std::bit_cast<Bits>(v); }
};
struct F64 {
  using Bits = std::uint64_t;
  static constexpr Bits exponent = 0x7FF0000000000000, quiet = 0x7FF8000000000000, sign = 0x8000000000000000;
  static double to_float(Bits b) { return std::bit_cast<double>(b); }
  static Bits from(double v) { return std::bit_cast<Bits>(v); }
};

struct F8E4M3 {  // no infinity: the one pattern of the exponent mask that is special is NaN
  using Bits = std::uint8_t;
  static constexpr Bits exponent = 0x7F, quiet = 0x7F, sign = 0x80;
  static float to_float(Bits b) { return f8_e4m3_to_f32(b); }
  static Bits from(float v) { return f32_to_f8_e4m3(v); }
};
struct F8E5M2 {
  using Bits = std::uint8_t;
  static constexpr Bits exponent = 0x7C, quiet = 0x7F, sign = 0x80;
  static float to_float(Bits b) { return f8_e5m2_to_f32(b); }
  static Bits from(float v) { return f32_to_f8_e5m2(v); }
};

// double to a smaller type than float in one rounding: go through float rounded to odd, which keeps what the second
// rounding needs.
float round_to_odd(double value) {
  const float near = static_cast<float>(value);
  if (static_cast<double>(near) == value || value != value) return near;
  auto u = std::bit_cast<std::uint32_t>(near);
  const bool away = (static_cast<double>(near) > value) == (value > 0);  // |near| > |value|
  if (away) --u;                                                         // toward zero ...
  return std::bit_cast<float>(u | 1u);                                   // ... then odd
}

template <class Stored, class T>
typename Stored::Bits stored_bits(T value) {
  if constexpr (std::is_same_v<Stored, F64>) {
    return Stored::from(static_cast<double>(value));
  } else if constexpr (std::is_same_v<T, double> && sizeof(typename Stored::Bits) <= 2) {
    return Stored::from(round_to_odd(value));
  } else {
    return Stored::from(static_cast<float>(value));
  }
}

/// NaN is above infinity, and infinity is the exponent's mask.
template <class Stored>
typename Stored::Bits magnitude_bits(typename Stored::Bits bits) {
  return static_cast<typename Stored::Bits>(bits & static_cast<typename Stored::Bits>(~Stored::sign));
}

template <class Stored, class T>
bool widen_as(const std::byte* stored, std::span<T> out) {
  bool any = false;
  dispatch(
      [](const std::byte* from, T* to, std::size_t n, bool* nonfinite) {
        using Bits = typename Stored::Bits;
        Bits most = 0;
        for (std::size_t i = 0; i < n; ++i) {
          Bits b;
          std::memcpy(&b, from + i * sizeof b, sizeof b);
          to[i] = static_cast<T>(Stored::to_float(b));
          most = std::max(most, magnitude_bits<Stored>(b));
        }
        *nonfinite = most >= Stored::exponent;
      },
      stored, out.data(), out.size(), &any);
  return any;
}

template <class Stored>
bool holds_nonfinite_as(const std::byte* stored, std::size_t count) {
  bool any = false;
  dispatch(
      [](const std::byte* from, std::size_t n, bool* nonfinite) {
        using Bits = typename Stored::Bits;
        Bits most = 0;
        for (std::size_t i = 0; i < n; ++i) {
          Bits b;
          std::memcpy(&b, from + i * sizeof b, sizeof b);
          most = std::max(most, magnitude_bits<Stored>(b));
        }
        *nonfinite = most >= Stored::exponent;
      },
      stored, count, &any);
  return any;
}

template <class Stored, class T>
bool narrow_as(std::span<const T> values, std::byte* out) {
  bool any = false;
  dispatch(
      [](const T* from, std::byte* to, std::size_t n, bool* nonfinite) {
        using Bits = typename Stored::Bits;
        // Above infinity; E4M3, which has none, has one magnitude for NaN.
        constexpr auto least_nan =
            static_cast<Bits>(Stored::exponent == Stored::quiet ? Stored::quiet : Stored::exponent + 1);
        Bits most = 0, overflows = 0;
        for (std::size_t i = 0; i < n; ++i) {
          const Bits rounded = stored_bits<Stored>(from[i]);
          const Bits b = magnitude_bits<Stored>(rounded) >= least_nan ? Stored::quiet : rounded;
          most = std::max(most, magnitude_bits<Stored>(b));
          if constexpr (Stored::exponent == Stored::quiet) {  // infinity has become a number
            overflows = static_cast<Bits>(overflows | (from[i] - from[i] == T{0} ? 0 : 1));
          }
          std::memcpy(to + i * sizeof b, &b, sizeof b);
        }
        *nonfinite = most >= Stored::exponent || overflows != 0;
      },
      values.data(), out, values.size(), &any);
  return any;
}

/// Calls work.operator()<Stored>() for the type that `dtype` names.
template <class Work>
bool with_stored(DType dtype, const Work& work) {
  switch (dtype) {
    case DType::bf16:
      return work.template operator()<Bf16>();
    case DType::f16:
      return work.template operator()<F16>();
    case DType::f32:
      return work.template operator()<F32>();
    case DType::f64:
      return work.template operator()<F64>();
    case DType::f8_e4m3:
      return work.template operator()<F8E4M3>();
    case DType::f8_e5m2:
      return work.template operator()<F8E5M2>();
    default:
      throw Error(ErrorKind::internal, "no arithmetic on element type " + std::string(name(dtype)));
  }
}

template <class T>
std::uint64_t count_saturated_values(DType dtype, std::span<const T> values) {
  std::uint64_t count = 0;
  for (const T value : values) {
    const float near = round_to_odd(static_cast<double>(value));
    count += (dtype == DType::f8_e4m3 ? saturates_f8_e4m3(near) : saturates_f8_e5m2(near));
  }
  return count;
}

}  // namespace

std::uint64_t count_saturated(DType dtype, std::span<const float> values) {
  return is_float8(dtype) ? count_saturated_values(dtype, values) : 0;
}
std::uint64_t count_saturated(DType dtype, std::span<const double> values) {
  return is_float8(dtype) ? count_saturated_values(dtype, values) : 0;
}

bool holds_nonfinite(DType dtype, const std::byte* stored, std::size_t count) {
  return with_stored(dtype, [&]<class Stored>() { return holds_nonfinite_as<Stored>(stored, count); });
}

bool widen(DType dtype, const std::byte* stored, std::span<float> out) {
  return with_stored(dtype, [&]<class Stored>() { return widen_as<Stored, float>(stored, out); });
}
bool widen(DType dtype, const std::byte* stored, std::span<double> out) {
  return with_stored(dtype, [&]<class Stored>() { return widen_as<Stored, double>(stored, out); });
}
bool narrow(DType dtype, std::span<const float> values, std::byte* out) {
  return with_stored(dtype, [&]<class Stored>() { return narrow_as<Stored, float>(values, out); });
}
bool narrow(DType dtype, std::span<const double> values, std::byte* out) {
  return with_stored(dtype, [&]<class Stored>() { return narrow_as<Stored, double>(values, out); });
}

}  // namespace stockpot
