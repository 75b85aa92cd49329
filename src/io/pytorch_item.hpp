// One tensor as torch.save() writes it: a zip file of its own, whose every byte but the checksum follows from name, type
// and shape.
//
//   archive/data.pkl   how the tensor is rebuilt      archive/version   3
//   archive/byteorder  little                         archive/data/0    the elements, at a multiple of 64 bytes
#pragma once

#include <cstdint>
#include <string>

#include "core/tensor.hpp"

namespace stockpot::io {

/// A shape as PyTorch counts it: two 4-bit elements are one.
Shape pytorch_shape(const TensorInfo& info);

class PytorchItem {
 public:
  /// @throws Error(recipe) for a type that PyTorch does not have.
  explicit PytorchItem(const TensorInfo& info);

  /// What stands before and after the elements. @param crc32  of the elements; lengths do not depend on it.
  std::string head(std::uint32_t crc32) const;
  std::string tail(std::uint32_t crc32) const;

 private:
  std::string pickle_;
  std::uint64_t data_bytes_;
};

}  // namespace stockpot::io
