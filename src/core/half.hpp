// bfloat16 and float16 to float32 (exact) and back (nearest, ties to even). Branch-light, so that loops over them
// vectorise.
#pragma once

#include <bit>
#include <cstdint>

namespace stockpot {

constexpr float bf16_to_f32(std::uint16_t h) { return std::bit_cast<float>(static_cast<std::uint32_t>(h) << 16); }

constexpr std::uint16_t f32_to_bf16(float value) {
  const auto u = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (u + 0x7FFFu + ((u >> 16) & 1u)) >> 16;
  const std::uint32_t quiet_nan = (u >> 16) | 0x40u;
  return static_cast<std::uint16_t>((u & 0x7FFFFFFFu) > 0x7F800000u ? quiet_nan : rounded);
}

constexpr float f16_to_f32(std::uint16_t h) {
  const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000u) << 16;
  const std::uint32_t magnitude = static_cast<std::uint32_t>(h & 0x7FFFu);
  // In place, a float 2^112 times too small, subnormal where the half is: the product is exact. Infinity and NaN come out
  // as numbers whose mantissa is right: their exponent becomes all ones.
  const float number = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
  const std::uint32_t special = magnitude >= 0x7C00u ? 0x7F800000u : 0u;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(number) | special | sign);
}

constexpr std::uint16_t f32_to_f16(float value) {
  const auto u = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (u >> 16) & 0x8000u;
  const std::uint32_t magnitude = u & 0x7FFFFFFFu;
  // Normal result: drop 13 bits, ties to even; a carry may run into the exponent and on to infinity, as it should.
  const std::uint32_t normal = (magnitude - 0x38000000u + 0x0FFFu + ((magnitude >> 13) & 1u)) >> 13;
  // Subnormal result: adding 0.5 aligns the value to a grid of 2^-24 and rounds it there, ties to even.
  const std::uint32_t aligned = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f);
  const std::uint32_t subnormal = aligned - 0x3F000000u;
  const std::uint32_t finite = magnitude < 0x38800000u ? subnormal : normal;
  const std::uint32_t nan = 0x7E00u | ((magnitude >> 13) & 0x1FFu);
  const std::uint32_t big = magnitude > 0x7F800000u ? nan : 0x7C00u;
  return static_cast<std::uint16_t>(sign | (magnitude >= 0x477FF000u ? big : finite));
}

}  // namespace stockpot
