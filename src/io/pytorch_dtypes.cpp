#include "io/pytorch_dtypes.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace stockpot::io {
namespace {

constexpr std::array storages{
    PytorchStorage{"torch.DoubleStorage", DType::f64, 8},
    PytorchStorage{"torch.FloatStorage", DType::f32, 4},
    PytorchStorage{"torch.HalfStorage", DType::f16, 2},
    PytorchStorage{"torch.BFloat16Storage", DType::bf16, 2},
    PytorchStorage{"torch.LongStorage", DType::i64, 8},
    PytorchStorage{"torch.IntStorage", DType::i32, 4},
    PytorchStorage{"torch.ShortStorage", DType::i16, 2},
    PytorchStorage{"torch.CharStorage", DType::i8, 1},
    PytorchStorage{"torch.ByteStorage", DType::u8, 1},
    PytorchStorage{"torch.BoolStorage", DType::boolean, 1},
    PytorchStorage{"torch.ComplexFloatStorage", DType::c64, 8},
    PytorchStorage{"torch.storage.UntypedStorage", std::nullopt, 1},
};

constexpr std::array<std::pair<std::string_view, DType>, 26> dtypes{{
    {"torch.float64", DType::f64},
    {"torch.double", DType::f64},
    {"torch.float32", DType::f32},
    {"torch.float", DType::f32},
    {"torch.float16", DType::f16},
    {"torch.half", DType::f16},
    {"torch.bfloat16", DType::bf16},
    {"torch.int64", DType::i64},
    {"torch.long", DType::i64},
    {"torch.int32", DType::i32},
    {"torch.int", DType::i32},
    {"torch.int16", DType::i16},
    {"torch.short", DType::i16},
    {"torch.int8", DType::i8},
    {"torch.uint8", DType::u8},
    {"torch.uint16", DType::u16},
    {"torch.uint32", DType::u32},
    {"torch.uint64", DType::u64},
    {"torch.bool", DType::boolean},
    {"torch.complex64", DType::c64},
    {"torch.float8_e4m3fn", DType::f8_e4m3},
    {"torch.float8_e5m2", DType::f8_e5m2},
    {"torch.float8_e4m3fnuz", DType::f8_e4m3fnuz},
    {"torch.float8_e5m2fnuz", DType::f8_e5m2fnuz},
    {"torch.float8_e8m0fnu", DType::f8_e8m0},
    {"torch.float4_e2m1fn_x2", DType::f4},
}};

}  // namespace

const PytorchStorage* find_pytorch_storage(std::string_view name) {
  const auto* found = std::find_if(storages.begin(), storages.end(), [&](const auto& s) { return s.name == name; });
  return found == storages.end() ? nullptr : found;
}

std::optional<DType> find_pytorch_dtype(std::string_view name) {
  const auto* found = std::find_if(dtypes.begin(), dtypes.end(), [&](const auto& d) { return d.first == name; });
  return found == dtypes.end() ? std::nullopt : std::optional(found->second);
}

const PytorchStorage* pytorch_storage_of(DType dtype) {
  const auto* found = std::find_if(storages.begin(), storages.end(), [&](const auto& s) { return s.dtype == dtype; });
  return found == storages.end() ? nullptr : found;
}

std::string_view pytorch_dtype_of(DType dtype) {
  const auto* found = std::find_if(dtypes.begin(), dtypes.end(), [&](const auto& d) { return d.second == dtype; });
  return found == dtypes.end() ? std::string_view() : found->first;
}

}  // namespace stockpot::io
