// A LoRA adapter as its files say: settings and tensors, before it is held against the model that it belongs to.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor.hpp"

namespace stockpot {

/// A box of a tensor that lies in a place of its own, row by row.
struct StoredPiece {
  std::uint32_t file = 0;    ///< index into Catalogue::files
  std::uint64_t offset = 0;  ///< of its first element, in bytes from the start of the file
  Shape start, count;        ///< in elements; in whole bytes of the last dimension
};

/// A tensor and where its bytes are.
struct StoredTensor {
  static constexpr std::uint32_t as_it_is = 0xffffffff;
  TensorInfo info;
  std::uint32_t file = 0;    ///< index into Catalogue::files
  std::uint64_t offset = 0;  ///< of its first element, in bytes from the start of the file
  /// Elements from one index to the next, for each dimension: of a view that lies otherwise than row by row, transposed,
  /// cut or repeated. Empty as a rule: row-major, without gaps. The type's elements are whole bytes if there are any.
  Shape strides = {};
  /// Of a tensor that lies in several places, ascending by start; they cover it. Then `file` and `offset` are the first's.
  std::vector<StoredPiece> pieces = {};
  std::uint32_t encoding = as_it_is;  ///< index into Catalogue::encodings: its bytes are not those of `info`'s type
};

/// "+ADAPTER*WEIGHT" of a model reference. Source: Hu et al. 2021, arXiv:2106.09685; file format of the peft library.
struct Adapter {
  std::string reference;  ///< as the recipe wrote it, without the model and the weight
  std::string directory;  ///< where it was found
  double weight = 1.0;
  std::uint64_t rank = 8;
  double alpha = 8.0;
  std::vector<std::pair<std::string, std::uint64_t>>
      rank_pattern;  ///< expressions on module paths; the first that matches
  std::vector<std::pair<std::string, double>> alpha_pattern;
  bool rank_stabilised = false;       ///< rsLoRA, arXiv:2312.03732: alpha / sqrt(r)
  bool magnitudes = false;            ///< DoRA, arXiv:2402.09353
  bool transposed = false;            ///< fan_in_fan_out: the model stores [in, out]
  std::string base_model;             ///< what its config names; may be empty
  std::vector<StoredTensor> tensors;  ///< ascending by stored name; files are those of the model's catalogue
};

}  // namespace stockpot
