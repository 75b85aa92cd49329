#include "plan/encodings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "core/error.hpp"
#include "plan/scale_grid.hpp"

namespace stockpot::plan {
namespace {

using Codes = Encoding::Codes;

constexpr std::uint64_t mx_group = 32, nvfp4_group = 16, usual_block = 128;

bool is_exponent(DType dtype) { return dtype == DType::u8 || dtype == DType::f8_e8m0; }

/// Reads one tensor of codes and what belongs to it.
class Reader {
 public:
  Reader(const Catalogue& model, const StoredTensor& coded) : model_(model), coded_(coded) {}

  std::optional<EncodedTensor> read() {
    const std::string& name = coded_.info.name;
    constexpr std::string_view packed = "_packed", blocks = "_blocks";
    if (name.ends_with(packed)) return read_packed(name.substr(0, name.size() - packed.size()));
    if (name.ends_with(blocks) && coded_.info.dtype == DType::u8) {
      return read_blocks(name.substr(0, name.size() - blocks.size()));
    }
    constexpr std::array coded{DType::f8_e4m3, DType::f8_e5m2, DType::i8, DType::f4};
    if (std::ranges::find(coded, coded_.info.dtype) == coded.end()) return std::nullopt;
    return read_plain(name);
  }

 private:
  const StoredTensor* find(const std::string& name) const { return model_.find(name); }

  [[noreturn]] void refuse(std::string_view code, std::string sentence, std::string_view tensor) const {
    throw Error(ErrorKind::corrupt_input, std::move(sentence))
        .code(code)
        .in_file(model_.files.at(coded_.file).path)
        .in_tensor(tensor)
        .in_model(model_.model);
  }

  [[noreturn]] void refuse_scales(const StoredTensor& scales, const Shape& values) const {
    refuse("FMT081",
           fmt::format("scales of {} in {} do not fit weights of {}", to_string(scales.info.shape),
                       name(scales.info.dtype), to_string(values)),
           scales.info.name);
  }

  const StoredTensor& demand(const std::string& name) const {
    const StoredTensor* const found = find(name);
    if (found == nullptr) refuse("FMT081", fmt::format("quantised weights lack '{}'", name), coded_.info.name);
    return *found;
  }

  /// Values of this name and shape; codes of a row may be more than there are columns.
  EncodedTensor begin(std::string name, Shape shape, Codes codes) const {
    const Matrices matrices = matrices_of(shape);
    Shape with_bits = shape;
    with_bits.push_back(bits(DType::f64));
    if (!checked_elements(with_bits)) refuse("FMT006", "the decoded tensor exceeds 2^64 bits", coded_.info.name);
    Encoding encoding{.codes = codes,
                      .coded = coded_,
                      .matrices = matrices.count,
                      .rows = matrices.rows,
                      .columns = matrices.columns,
                      .pitch = matrices.columns};
    return {std::move(name), std::move(shape), std::move(encoding)};
  }

  void take_scales(EncodedTensor& made, const StoredTensor& scales, const BlockSizes& sizes) const {
    const auto grid = fit_grid(made.shape, scales.info.shape, sizes);
    if (!grid || !(is_mergeable(scales.info.dtype) || is_exponent(scales.info.dtype))) {
      refuse_scales(scales, made.shape);
    }
    made.encoding.scales = scales;
    made.encoding.grid = *grid;
  }

  /// Bytes that hold two codes each, row by row.
  Shape twice_as_wide() const {
    Shape shape = coded_.info.shape;
    const auto twice = shape.empty() ? std::nullopt : checked_multiply(shape.back(), 2);
    if (!twice) refuse("FMT080", "packed weights are no matrix", coded_.info.name);
    shape.back() = *twice;
    return shape;
  }

  // ---- codes under the name of the weights

  std::optional<EncodedTensor> read_plain(const std::string& name) const {
    const StoredTensor* const inverse = find(name + "_scale_inv");
    const StoredTensor* const scales = inverse != nullptr ? inverse : find(name + "_scale");
    if (scales == nullptr) return std::nullopt;
    const bool exponents = is_exponent(scales->info.dtype);
    const bool bytes = coded_.info.dtype == DType::i8;
    if (coded_.info.dtype == DType::f4 || (bytes && exponents)) return read_fp4(name, *scales);
    const Codes codes = bytes ? Codes::signed8 : coded_.info.dtype == DType::f8_e4m3 ? Codes::f8_e4m3 : Codes::f8_e5m2;
    EncodedTensor made = begin(name, coded_.info.shape, codes);
    take_scales(made, *scales, inverse != nullptr ? block_sizes() : group_sizes(exponents));
    if (const StoredTensor* const zero = find(name + "_zero_point")) {
      if (zero->info.shape != scales->info.shape || !(zero->info.dtype == DType::i8 || is_float8(zero->info.dtype))) {
        refuse_scales(*zero, made.shape);
      }
      made.encoding.zero_points = *zero;
    }
    return made;
  }

  BlockSizes block_sizes() const {
    const ModelConfig& config = model_.config;
    const bool known = config.block_rows && config.block_columns;
    return {config.block_rows.value_or(usual_block), config.block_columns.value_or(usual_block), known};
  }

  BlockSizes group_sizes(bool exponents) const {
    const ModelConfig& config = model_.config;
    if (exponents) return {1, mx_group, false};
    return {config.block_rows, config.block_columns ? config.block_columns : config.group_size, false};
  }

  std::optional<EncodedTensor> read_fp4(const std::string& name, const StoredTensor& scales) const {
    const bool counted = coded_.info.dtype == DType::f4;
    EncodedTensor made = begin(name, counted ? coded_.info.shape : twice_as_wide(), Codes::f4_e2m1);
    if (made.encoding.columns % 2 != 0) refuse("FMT080", "a row of FP4 ends inside a byte", name);
    take_scales(made, scales, {1, mx_group, true});
    return made;
  }

  // ---- X_packed

  std::optional<EncodedTensor> read_packed(const std::string& name) const {
    const Shape& shape = coded_.info.shape;
    if (shape.size() < 2 || find(name + "_scale") == nullptr) return std::nullopt;
    if (coded_.info.dtype == DType::u8) return read_packed_floats(name);
    if (coded_.info.dtype != DType::i32 || shape.size() != 2) return std::nullopt;
    return read_packed_integers(name);
  }

  EncodedTensor read_packed_floats(const std::string& name) const {
    const StoredTensor& scales = demand(name + "_scale");
    EncodedTensor made = begin(name, twice_as_wide(), Codes::f4_e2m1);
    const bool mx = is_exponent(scales.info.dtype);
    take_scales(made, scales, {1, mx ? mx_group : nvfp4_group, true});
    if (!mx) {
      const StoredTensor& global = demand(name + "_global_scale");
      if (global.info.elements() != 1 || !is_mergeable(global.info.dtype)) refuse_scales(global, made.shape);
      made.encoding.global_scale = global;
    }
    return made;
  }

  EncodedTensor read_packed_integers(const std::string& name) const {
    const StoredTensor& stored_shape = demand(name + "_shape");
    const auto known = model_.packed_shapes.find(stored_shape.info.name);
    if (known == model_.packed_shapes.end()) {
      refuse("FMT080",
             fmt::format("the shape of packed weights is {} of {}: only two numbers in I64 or I32 are read",
                         stockpot::name(stored_shape.info.dtype), to_string(stored_shape.info.shape)),
             stored_shape.info.name);
    }
    const Shape &words = coded_.info.shape, &values = known->second;
    if (values.size() != 2 || values[0] != words[0]) {
      refuse("FMT081", fmt::format("a shape of {} for packed weights of {}", to_string(values), to_string(words)),
             stored_shape.info.name);
    }
    const auto fits = [&](std::uint64_t per_word) { return (values[1] + per_word - 1) / per_word == words[1]; };
    if (values[1] > (std::uint64_t{1} << 60) || (!fits(8) && !fits(4))) {
      refuse("FMT080",
             fmt::format("weights of {} packed into {}: only 4 and 8 bits are supported", to_string(values),
                         to_string(words)),
             coded_.info.name);
    }
    const std::uint64_t per_word = fits(8) ? 8 : 4;
    EncodedTensor made = begin(name, values, per_word == 8 ? Codes::offset4 : Codes::offset8);
    made.encoding.pitch = words[1] * per_word;
    made.further_names.push_back(stored_shape.info.name);
    take_groups(made, name, per_word);
    return made;
  }

  void take_groups(EncodedTensor& made, const std::string& name, std::uint64_t per_word) const {
    const StoredTensor& scales = demand(name + "_scale");
    take_scales(made, scales, {1, model_.config.group_size, false});
    const Encoding::Grid& grid = made.encoding.grid;
    if (const StoredTensor* const zero = find(name + "_zero_point")) {
      const Shape wanted{(grid.rows + per_word - 1) / per_word, grid.columns};
      if (zero->info.dtype != DType::i32 || zero->info.shape != wanted) refuse_scales(*zero, made.shape);
      made.encoding.zero_points = *zero;
    }
    if (const StoredTensor* const index = find(name + "_g_idx")) {
      if (index->info.dtype != DType::i32 || index->info.shape != Shape{made.encoding.columns}) {
        refuse_scales(*index, made.shape);
      }
      made.encoding.group_index = *index;
    }
  }

  // ---- X_blocks

  std::optional<EncodedTensor> read_blocks(const std::string& name) const {
    const StoredTensor* const scales = find(name + "_scales");
    const Shape& blocks = coded_.info.shape;  // [E, n, k / 32, 16]
    if (scales == nullptr || blocks.size() < 3) return std::nullopt;
    const auto columns = checked_multiply(blocks[blocks.size() - 2], mx_group);
    const Shape wanted(blocks.begin(), blocks.end() - 1);
    if (blocks.back() != mx_group / 2 || !columns || scales->info.shape != wanted || !is_exponent(scales->info.dtype)) {
      refuse_scales(*scales, blocks);
    }
    Shape stored(blocks.begin(), blocks.end() - 2);
    stored.push_back(*columns);
    EncodedTensor made = begin(name, stored, Codes::f4_e2m1);
    take_scales(made, *scales, {1, mx_group, true});
    made.encoding.turned = true;
    std::swap(made.shape[made.shape.size() - 1], made.shape[made.shape.size() - 2]);
    return made;
  }

  const Catalogue& model_;
  const StoredTensor& coded_;
};

}  // namespace

std::vector<std::string> EncodedTensor::stored_names() const {
  std::vector<std::string> names = further_names;
  names.push_back(encoding.coded.info.name);
  names.push_back(encoding.scales.info.name);
  for (const auto& one : {encoding.zero_points, encoding.global_scale, encoding.group_index}) {
    if (one) names.push_back(one->info.name);
  }
  return names;
}

std::optional<EncodedTensor> read_encoding(const Catalogue& model, const StoredTensor& tensor) {
  return Reader(model, tensor).read();
}

}  // namespace stockpot::plan
