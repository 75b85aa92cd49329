#include "plan/scale_grid.hpp"

#include <algorithm>
#include <span>

namespace stockpot::plan {
namespace {

using Grid = Encoding::Grid;

std::uint64_t blocks(std::uint64_t extent, std::uint64_t size) { return extent / size + (extent % size != 0 ? 1 : 0); }

/// Elements of each of `count` blocks along a dimension, but the last.
std::optional<std::uint64_t> block_size(std::uint64_t extent, std::uint64_t count, std::optional<std::uint64_t> known,
                                        bool demanded) {
  if (known && *known > 0 && blocks(extent, *known) == count) return known;
  if (demanded && known) return std::nullopt;
  if (count == 0) return extent == 0 ? std::optional<std::uint64_t>(1) : std::nullopt;
  if (extent % count != 0) return std::nullopt;
  return std::max<std::uint64_t>(1, extent / count);
}

std::uint64_t product(std::span<const std::uint64_t> extents) {
  std::uint64_t all = 1;
  for (const std::uint64_t extent : extents) all *= extent;
  return all;
}

std::optional<Grid> fit_matrix(const Matrices& values, std::uint64_t rows, std::uint64_t columns,
                               const BlockSizes& sizes) {
  const auto block_rows = block_size(values.rows, rows, sizes.rows, sizes.demanded);
  const auto block_columns = block_size(values.columns, columns, sizes.columns, sizes.demanded);
  if (!block_rows || !block_columns) return std::nullopt;
  return Grid{*block_rows, *block_columns, rows, columns, false};
}

}  // namespace

Matrices matrices_of(const Shape& values) {
  if (values.size() < 2) return {1, 1, product(values)};
  const std::span<const std::uint64_t> all(values);
  return {product(all.first(all.size() - 2)), values[values.size() - 2], values.back()};
}

std::optional<Grid> fit_grid(const Shape& values, const Shape& scales, const BlockSizes& sizes) {
  const Matrices matrices = matrices_of(values);
  const auto whole = [&](bool per_matrix) {
    return Grid{std::max<std::uint64_t>(1, matrices.rows), std::max<std::uint64_t>(1, matrices.columns), 1, 1,
                per_matrix};
  };
  if (!sizes.demanded && product(scales) == 1) return whole(false);
  if (scales.size() == 1 && values.size() == 2 && scales[0] == matrices.rows) {
    return sizes.demanded ? std::nullopt : fit_matrix(matrices, scales[0], 1, {});
  }
  if (scales.size() == 1 && values.size() == 3 && scales[0] == values[0]) return whole(true);
  if (scales.size() != values.size() || values.size() < 2) return std::nullopt;
  auto grid = fit_matrix(matrices, scales[scales.size() - 2], scales.back(), sizes);
  if (!grid) return std::nullopt;
  const std::size_t before = values.size() - 2;
  const std::span<const std::uint64_t> in_front(scales.data(), before);
  grid->per_matrix = before > 0 && std::ranges::equal(in_front, std::span(values.data(), before));
  const bool shared = std::ranges::all_of(in_front, [](std::uint64_t extent) { return extent == 1; });
  return grid->per_matrix || shared ? grid : std::nullopt;
}

}  // namespace stockpot::plan
