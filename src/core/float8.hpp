// float8 (E4M3 without infinities, E5M2) to float32, exactly, and back: nearest, ties to even, and what is finite but
// too large becomes the largest finite value. Branch-light, so that loops over them vectorise.
#pragma once

#include <bit>
#include <cstdint>

#include "core/half.hpp"

namespace stockpot {

constexpr float f8_e4m3_max = 448.0f;
constexpr float f8_e5m2_max = 57344.0f;

constexpr float f8_e4m3_to_f32(std::uint8_t b) {
  const std::uint32_t sign = static_cast<std::uint32_t>(b & 0x80u) << 24;
  const std::uint32_t magnitude = b & 0x7Fu;
  // The bits in float32's places count 2^-149; the exponents' biases differ by 127 - 7. Subnormals come out right, too.
  const float value = std::bit_cast<float>(magnitude << 20) * 0x1p120f;
  const std::uint32_t bits = magnitude == 0x7Fu ? 0x7FC00000u : std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>(sign | bits);
}

/// The upper half of a float16.
constexpr float f8_e5m2_to_f32(std::uint8_t b) {
  return f16_to_f32(static_cast<std::uint16_t>(static_cast<std::uint32_t>(b) << 8));
}

/// Infinity becomes 448 with its sign, NaN 0x7F with its sign.
constexpr std::uint8_t f32_to_f8_e4m3(float value) {
  const auto u = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (u >> 24) & 0x80u;
  const std::uint32_t magnitude = u & 0x7FFFFFFFu;
  const std::uint32_t normal = (magnitude - (120u << 23) + 0x7FFFFu + ((magnitude >> 20) & 1u)) >> 20;
  // Subnormal result: adding 2^14 aligns the value to a grid of 2^-9 and rounds it there, ties to even.
  const std::uint32_t subnormal = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0x1p14f) - 0x46800000u;
  const std::uint32_t finite = magnitude < 0x3C800000u ? subnormal : normal;
  const bool too_large = magnitude >= 0x43E80000u;  // 464 and above; 464 itself is a tie that goes to 448
  const std::uint32_t held = too_large ? 0x7Eu : finite;
  return static_cast<std::uint8_t>(sign | (magnitude > 0x7F800000u ? 0x7Fu : held));
}

/// Infinity stays, NaN becomes 0x7F with its sign.
constexpr std::uint8_t f32_to_f8_e5m2(float value) {
  const auto u = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (u >> 24) & 0x80u;
  const std::uint32_t magnitude = u & 0x7FFFFFFFu;
  const std::uint32_t normal = (magnitude - (112u << 23) + 0xFFFFFu + ((magnitude >> 21) & 1u)) >> 21;
  // Likewise with a grid of 2^-16.
  const std::uint32_t subnormal = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0x1p7f) - 0x43000000u;
  const std::uint32_t finite = magnitude < 0x38800000u ? subnormal : normal;
  const std::uint32_t special = magnitude > 0x7F800000u ? 0x7Fu : 0x7Cu;
  const std::uint32_t held = magnitude >= 0x7F800000u ? special : 0x7Bu;
  return static_cast<std::uint8_t>(sign | (magnitude >= 0x47700000u ? held : finite));  // from 61440 on
}

/// Whether a finite value is too large for its nearest neighbour on the type's grid to be finite.
constexpr bool saturates_f8_e4m3(float value) {
  const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(value) & 0x7FFFFFFFu;
  return magnitude > 0x43E80000u && magnitude < 0x7F800000u;
}
constexpr bool saturates_f8_e5m2(float value) {
  const std::uint32_t magnitude = std::bit_cast<std::uint32_t>(value) & 0x7FFFFFFFu;
  return magnitude >= 0x47700000u && magnitude < 0x7F800000u;
}

}  // namespace stockpot
