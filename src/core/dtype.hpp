// Element types of stored tensors, in the order in which the safetensors format ranks them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace stockpot {

enum class DType : std::uint8_t {
  boolean,
  f4,
  f6_e2m3,
  f6_e3m2,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  f8_e8m0,
  f8_e4m3fnuz,
  f8_e5m2fnuz,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  c64,
  f64,
  i64,
  u64,
};

/// Bits of one element; 4 and 6 occur.
std::uint64_t bits(DType dtype);
/// Name as safetensors spells it: "BF16".
std::string_view name(DType dtype);
/// Name as recipes and config.json spell it: "bfloat16"; the safetensors name where there is no other.
std::string_view recipe_name(DType dtype);
std::optional<DType> parse_dtype(std::string_view safetensors_name);
/// float32, float16, bfloat16, float64 and their short forms, with or without "torch."; nothing else.
std::optional<DType> parse_recipe_dtype(std::string_view recipe_name);
/// Those, and float8_e4m3fn and float8_e5m2, which can be written but hold too little to say what to compute in.
std::optional<DType> parse_output_dtype(std::string_view recipe_name);
/// True for the types that merge methods compute with: F64, F32, F16, BF16, F8_E4M3, F8_E5M2.
bool is_mergeable(DType dtype);
/// True for F8_E4M3 and F8_E5M2.
bool is_float8(DType dtype);
/// True for integers and booleans: copied bit for bit, never merged.
bool is_integral(DType dtype);
/// Bytes of `count` elements. @pre count * bits is a multiple of 8 and does not overflow (checked when a header is
/// read).
std::uint64_t bytes_of(DType dtype, std::uint64_t count);

}  // namespace stockpot
