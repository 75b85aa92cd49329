#include "engine/scale_tables.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "core/convert.hpp"
#include "core/error.hpp"
#include "engine/source.hpp"
#include "io/stored_elements.hpp"

namespace stockpot::engine {
namespace {

/// 2^(e - 127); 255 is NaN.
float power_of_two(std::byte exponent) {
  const auto e = std::to_integer<std::uint32_t>(exponent);
  const std::uint32_t bits = e == 0 ? 0x00400000u : e == 255 ? 0x7FC00000u : e << 23;
  return std::bit_cast<float>(bits);
}

std::vector<std::byte> read_bytes(const Catalogue& model, const StoredTensor& tensor, SmallTensors& cache) {
  try {
    std::vector<std::byte> bytes(tensor.info.bytes());
    io::read_elements(*cache.files().of(model, tensor), tensor, {0, tensor.info.elements()}, bytes);
    return bytes;
  } catch (Error& error) {
    throw error.in_tensor(tensor.info.name).in_model(model.model);
  }
}

std::int32_t word_at(const std::vector<std::byte>& bytes, std::uint64_t index) {
  std::int32_t word;
  std::memcpy(&word, bytes.data() + index * sizeof word, sizeof word);
  return word;
}

std::vector<float> read_numbers(const Catalogue& model, const StoredTensor& tensor, SmallTensors& cache) {
  const std::vector<std::byte> bytes = read_bytes(model, tensor, cache);
  std::vector<float> numbers(tensor.info.elements());
  const DType dtype = tensor.info.dtype;
  if (dtype == DType::u8 || dtype == DType::f8_e8m0) {
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = power_of_two(bytes[i]);
  } else if (dtype == DType::i8) {
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = std::to_integer<std::int8_t>(bytes[i]);
  } else {
    widen(dtype, bytes.data(), std::span<float>(numbers));
  }
  return numbers;
}

std::vector<float> read_scales(const Catalogue& model, const Encoding& encoding, SmallTensors& cache) {
  std::vector<float> scales = read_numbers(model, encoding.scales, cache);
  if (encoding.global_scale) {
    const float global = read_numbers(model, *encoding.global_scale, cache).front();
    for (float& scale : scales) scale = scale / global;
  }
  if (any_nonfinite<float>(scales)) {
    cache.note(
        fmt::format("FMT081: {}: {} has scales that are NaN or infinite", model.model, encoding.scales.info.name));
  }
  return scales;
}

/// Packed along the first dimension: the words of a column hold its rows.
std::vector<float> unpack_zero_points(const Catalogue& model, const Encoding& encoding, SmallTensors& cache) {
  const std::vector<std::byte> words = read_bytes(model, *encoding.zero_points, cache);
  const std::uint32_t width = encoding.is_nibbles() ? 4 : 8, per_word = 32 / width;
  const std::uint32_t mask = (1u << width) - 1, offset = 1u << (width - 1);
  const auto& [block_rows, block_columns, rows, columns, per_matrix] = encoding.grid;
  std::vector<float> points(rows * columns);
  for (std::uint64_t i = 0; i < rows; ++i) {
    for (std::uint64_t g = 0; g < columns; ++g) {
      const auto word = static_cast<std::uint32_t>(word_at(words, i / per_word * columns + g));
      const std::uint32_t code = word >> (i % per_word * width) & mask;
      points[i * columns + g] = static_cast<float>(code) - static_cast<float>(offset);
    }
  }
  return points;
}

std::vector<float> read_groups(const Catalogue& model, const Encoding& encoding, SmallTensors& cache) {
  const std::vector<std::byte> words = read_bytes(model, *encoding.group_index, cache);
  std::vector<float> groups(encoding.columns);
  for (std::uint64_t j = 0; j < groups.size(); ++j) {
    const std::int32_t group = word_at(words, j);
    // -1: an index that was never filled in.
    const std::uint64_t used = group == -1 ? j / encoding.grid.block_columns : static_cast<std::uint64_t>(group);
    if (used >= encoding.grid.columns) {
      throw Error(ErrorKind::corrupt_input,
                  fmt::format("column {} belongs to group {} of {}", j, group, encoding.grid.columns))
          .code("FMT081")
          .in_file(model.files[encoding.group_index->file].path)
          .in_tensor(encoding.group_index->info.name)
          .in_model(model.model);
    }
    groups[j] = static_cast<float>(used);
  }
  return groups;
}

}  // namespace

SmallTensors::Values<float> scale_table(const Catalogue& model, const Encoding& encoding, SmallTensors& cache) {
  return cache.remade<float>(encoding.scales, 0, [&] { return read_scales(model, encoding, cache); });
}

SmallTensors::Values<float> zero_point_table(const Catalogue& model, const Encoding& encoding, SmallTensors& cache) {
  const bool packed = encoding.zero_points->info.dtype == DType::i32;
  return cache.remade<float>(*encoding.zero_points, 0, [&, packed] {
    return packed ? unpack_zero_points(model, encoding, cache) : read_numbers(model, *encoding.zero_points, cache);
  });
}

SmallTensors::Values<float> group_table(const Catalogue& model, const Encoding& encoding, SmallTensors& cache) {
  return cache.remade<float>(*encoding.group_index, 0, [&] { return read_groups(model, encoding, cache); });
}

}  // namespace stockpot::engine
