// Element types as PyTorch names them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/dtype.hpp"

namespace stockpot::io {

/// A class of storages, by its name with module: "torch.FloatStorage".
struct PytorchStorage {
  std::string_view name;
  std::optional<DType> dtype;       ///< nothing: bytes, whose type comes from elsewhere
  std::uint64_t element_bytes = 1;  ///< of what the storage counts
};
/// @return nullptr for a class that is unknown or whose elements are no numbers as they are.
const PytorchStorage* find_pytorch_storage(std::string_view name);

/// "torch.bfloat16".
std::optional<DType> find_pytorch_dtype(std::string_view name);

/// @return nullptr if no class of storages has such elements: then UntypedStorage holds them.
const PytorchStorage* pytorch_storage_of(DType dtype);
/// "torch.bfloat16"; empty if PyTorch has no such type.
std::string_view pytorch_dtype_of(DType dtype);

}  // namespace stockpot::io
