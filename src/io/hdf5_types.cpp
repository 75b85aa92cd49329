#include "io/hdf5_types.hpp"

#include <cstdint>

namespace stockpot::io {
namespace {

/// Bit positions and sizes of a floating-point type, sign bit on top, mantissa at bit 0.
struct FloatFormat {
  std::size_t exponent_bits, mantissa_bits, bias;
};

H5Type copy_of(hid_t predefined, const std::string& path) {
  return H5Type(h5_check(H5Tcopy(predefined), "H5Tcopy", path));
}

H5Type custom_float(FloatFormat format, const std::string& path) {
  const auto [exponent_bits, mantissa_bits, bias] = format;
  const std::size_t sign = exponent_bits + mantissa_bits;
  H5Type type = copy_of(H5T_IEEE_F32LE, path);
  // In this order: a size or precision that the old fields do not fit is refused.
  h5_check(H5Tset_fields(type.id(), sign, mantissa_bits, exponent_bits, 0, mantissa_bits), "H5Tset_fields", path);
  h5_check(H5Tset_precision(type.id(), sign + 1), "H5Tset_precision", path);
  h5_check(H5Tset_size(type.id(), (sign + 1) / 8), "H5Tset_size", path);
  h5_check(H5Tset_ebias(type.id(), bias), "H5Tset_ebias", path);
  return type;
}

/// h5py's convention.
H5Type boolean(const std::string& path) {
  H5Type type(h5_check(H5Tenum_create(H5T_STD_I8LE), "H5Tenum_create", path));
  const std::int8_t no = 0, yes = 1;
  h5_check(H5Tenum_insert(type.id(), "FALSE", &no), "H5Tenum_insert", path);
  h5_check(H5Tenum_insert(type.id(), "TRUE", &yes), "H5Tenum_insert", path);
  return type;
}

H5Type complex64(const std::string& path) {
  H5Type type(h5_check(H5Tcreate(H5T_COMPOUND, 2 * sizeof(float)), "H5Tcreate", path));
  h5_check(H5Tinsert(type.id(), "r", 0, H5T_IEEE_F32LE), "H5Tinsert", path);
  h5_check(H5Tinsert(type.id(), "i", sizeof(float), H5T_IEEE_F32LE), "H5Tinsert", path);
  return type;
}

}  // namespace

H5Type hdf5_type(DType dtype, const std::string& path) {
  switch (dtype) {
    case DType::f64:
      return copy_of(H5T_IEEE_F64LE, path);
    case DType::f32:
      return copy_of(H5T_IEEE_F32LE, path);
    case DType::f16:
      return custom_float({5, 10, 15}, path);
    case DType::bf16:
      return custom_float({8, 7, 127}, path);
    case DType::f8_e5m2:
      return custom_float({5, 2, 15}, path);
    case DType::i8:
      return copy_of(H5T_STD_I8LE, path);
    case DType::i16:
      return copy_of(H5T_STD_I16LE, path);
    case DType::i32:
      return copy_of(H5T_STD_I32LE, path);
    case DType::i64:
      return copy_of(H5T_STD_I64LE, path);
    case DType::u16:
      return copy_of(H5T_STD_U16LE, path);
    case DType::u32:
      return copy_of(H5T_STD_U32LE, path);
    case DType::u64:
      return copy_of(H5T_STD_U64LE, path);
    case DType::boolean:
      return boolean(path);
    case DType::c64:
      return complex64(path);
    // No IEEE infinities in E4M3 and E8M0: as a float type HDF5 would show wrong values.
    case DType::u8:
    case DType::f8_e4m3:
    case DType::f8_e8m0:
    case DType::f8_e4m3fnuz:
    case DType::f8_e5m2fnuz:
    case DType::f6_e2m3:
    case DType::f6_e3m2:
    case DType::f4:
      return copy_of(H5T_STD_U8LE, path);
  }
  throw Error(ErrorKind::internal, "an element type without HDF5 type");
}

bool is_stored_as_bytes(DType dtype) { return bits(dtype) < 8; }

Shape hdf5_shape(const TensorInfo& info) {
  if (!is_stored_as_bytes(info.dtype)) return info.shape;
  if (info.shape.empty() || info.shape.back() * bits(info.dtype) % 8 != 0) return {info.bytes()};
  Shape shape = info.shape;
  shape.back() = bytes_of(info.dtype, shape.back());
  return shape;
}

}  // namespace stockpot::io
