// How tensors of each element type are stored in HDF5, which knows neither bfloat16 nor anything narrower than a byte.
#pragma once

#include "core/tensor.hpp"
#include "io/hdf5_handle.hpp"

namespace stockpot::io {

/// The file type: IEEE and integer types of HDF5, custom floats for F16, BF16 and F8_E5M2, raw bytes for the rest.
/// Data must be moved with the same type in memory: the library's own conversions round some of these wrongly.
/// @param path  for messages.
H5Type hdf5_type(DType dtype, const std::string& path);

/// True if elements are narrower than a byte, and therefore stored as the bytes that hold them.
bool is_stored_as_bytes(DType dtype);

/// Dimensions of the dataset. Types narrower than a byte: the last dimension counts bytes if rows are whole bytes, else
/// there is one dimension of all bytes.
Shape hdf5_shape(const TensorInfo& info);

}  // namespace stockpot::io
