#include "core/dtype.hpp"

#include <array>
#include <string>

namespace stockpot {
namespace {

struct Row {
  DType dtype;
  std::uint64_t bits;
  std::string_view name, recipe_name;
};

constexpr std::array table{
    Row{DType::boolean, 8, "BOOL", "bool"},
    Row{DType::f4, 4, "F4", "F4"},
    Row{DType::f6_e2m3, 6, "F6_E2M3", "F6_E2M3"},
    Row{DType::f6_e3m2, 6, "F6_E3M2", "F6_E3M2"},
    Row{DType::u8, 8, "U8", "uint8"},
    Row{DType::i8, 8, "I8", "int8"},
    Row{DType::f8_e5m2, 8, "F8_E5M2", "float8_e5m2"},
    Row{DType::f8_e4m3, 8, "F8_E4M3", "float8_e4m3fn"},
    Row{DType::f8_e8m0, 8, "F8_E8M0", "float8_e8m0fnu"},
    Row{DType::f8_e4m3fnuz, 8, "F8_E4M3FNUZ", "float8_e4m3fnuz"},
    Row{DType::f8_e5m2fnuz, 8, "F8_E5M2FNUZ", "float8_e5m2fnuz"},
    Row{DType::i16, 16, "I16", "int16"},
    Row{DType::u16, 16, "U16", "uint16"},
    Row{DType::f16, 16, "F16", "float16"},
    Row{DType::bf16, 16, "BF16", "bfloat16"},
    Row{DType::i32, 32, "I32", "int32"},
    Row{DType::u32, 32, "U32", "uint32"},
    Row{DType::f32, 32, "F32", "float32"},
    Row{DType::c64, 64, "C64", "complex64"},
    Row{DType::f64, 64, "F64", "float64"},
    Row{DType::i64, 64, "I64", "int64"},
    Row{DType::u64, 64, "U64", "uint64"},
};

constexpr std::array recipe_aliases{
    Row{DType::f32, 0, "fp32", ""}, Row{DType::f32, 0, "float", ""}, Row{DType::f16, 0, "fp16", ""},
    Row{DType::f16, 0, "half", ""}, Row{DType::bf16, 0, "bf16", ""}, Row{DType::f64, 0, "double", ""},
    Row{DType::f64, 0, "fp64", ""},
};

const Row& row(DType dtype) { return table[static_cast<std::size_t>(dtype)]; }

}  // namespace

std::uint64_t bits(DType dtype) { return row(dtype).bits; }
std::string_view name(DType dtype) { return row(dtype).name; }
std::string_view recipe_name(DType dtype) { return row(dtype).recipe_name; }

std::optional<DType> parse_dtype(std::string_view safetensors_name) {
  for (const Row& r : table) {
    if (r.name == safetensors_name) return r.dtype;
  }
  return std::nullopt;
}

std::optional<DType> parse_recipe_dtype(std::string_view text) {
  constexpr std::string_view prefix = "torch.";
  if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  for (const Row& r : table) {
    if (is_mergeable(r.dtype) && !is_float8(r.dtype) && r.recipe_name == text) return r.dtype;
  }
  for (const Row& r : recipe_aliases) {
    if (r.name == text) return r.dtype;
  }
  return std::nullopt;
}

std::optional<DType> parse_output_dtype(std::string_view text) {
  for (const DType dtype : {DType::f8_e4m3, DType::f8_e5m2}) {
    if (text == recipe_name(dtype) || text == "torch." + std::string(recipe_name(dtype))) return dtype;
  }
  return parse_recipe_dtype(text);
}

bool is_mergeable(DType dtype) {
  return dtype == DType::f64 || dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16 || is_float8(dtype);
}

bool is_float8(DType dtype) { return dtype == DType::f8_e4m3 || dtype == DType::f8_e5m2; }

bool is_integral(DType dtype) {
  switch (dtype) {
    case DType::boolean:
    case DType::u8:
    case DType::i8:
    case DType::i16:
    case DType::u16:
    case DType::i32:
    case DType::u32:
    case DType::i64:
    case DType::u64:
      return true;
    default:
      return false;
  }
}

std::uint64_t bytes_of(DType dtype, std::uint64_t count) {
  return count / 8 * bits(dtype) + count % 8 * bits(dtype) / 8;
}

}  // namespace stockpot
