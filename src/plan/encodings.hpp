// How one quantised tensor is stored: its scheme, and the shapes that the scheme demands.
//
// | scheme | codes | scales |
// | block FP8 | X F8_E4M3 [n, k] | X_scale_inv [n / bn, k / bk], multiplied in spite of its name |
// | FP8, INT8, MXFP8 | X F8_E4M3 or I8 [n, k] | X_scale: one, by row, by group, by block; X_zero_point |
// | FP4 in bytes | X I8 [n, k / 2] or F4 [n, k] | X_scale_inv F8_E8M0 or U8 [n, k / 32] |
// | packed INT4, INT8 | X_packed I32 [n, k b / 32], X_shape | X_scale [n, k / g]; X_zero_point, X_g_idx |
// | MXFP4, NVFP4 | X_packed U8 [n, k / 2] | X_scale [n, k / 32 or 16]; X_global_scale |
// | GPT-OSS | X_blocks U8 [E, n, k / 32, 16] | X_scales U8 [E, n, k / 32]; X is the transpose |
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/catalogue.hpp"

namespace stockpot::plan {

/// A tensor of values that several stored ones make.
struct EncodedTensor {
  std::string name;
  Shape shape;
  Encoding encoding;
  std::vector<std::string> further_names = {};  ///< stored tensors that only say what headers say, too

  /// Of all stored tensors that it takes.
  std::vector<std::string> stored_names() const;
};

/// What `tensor` holds the codes of; nothing if it is no codes of a scheme of the table.
/// @throws Error(corrupt_input, FMT080 or FMT081) if it is, but scales are missing or do not fit.
std::optional<EncodedTensor> read_encoding(const Catalogue& model, const StoredTensor& tensor);

}  // namespace stockpot::plan
