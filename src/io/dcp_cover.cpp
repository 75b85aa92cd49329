#include "io/dcp_cover.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace stockpot::io {
namespace {

bool fits(const Shape& shape, const DcpChunk& chunk) {
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (chunk.count[d] > shape[d] || chunk.start[d] > shape[d] - chunk.count[d]) return false;
  }
  return true;
}

/// The sum of volumes of boxes that lie inside the tensor; larger than the tensor only if they overlap.
bool volumes_add_up(const Shape& shape, std::span<const DcpChunk> chunks) {
  std::uint64_t left = *checked_elements(shape);
  for (const DcpChunk& chunk : chunks) {
    const std::uint64_t volume = *checked_elements(chunk.count);
    if (volume > left) return false;
    left -= volume;
  }
  return left == 0;
}

bool overlap(const DcpChunk& a, const DcpChunk& b) {
  for (std::size_t d = 0; d < a.start.size(); ++d) {
    if (a.start[d] >= b.start[d] + b.count[d] || b.start[d] >= a.start[d] + a.count[d]) return false;
  }
  return true;
}

/// Whether the intervals of every dimension lie apart. Boxes that differ then lie apart, too.
bool is_grid(const Shape& shape, std::span<const DcpChunk> chunks) {
  for (std::size_t d = 0; d < shape.size(); ++d) {
    std::set<std::pair<std::uint64_t, std::uint64_t>> intervals;
    for (const DcpChunk& chunk : chunks) intervals.emplace(chunk.start[d], chunk.start[d] + chunk.count[d]);
    std::uint64_t free_from = 0;
    for (const auto& [begin, end] : intervals) {
      if (begin < free_from) return false;
      free_from = end;
    }
  }
  return true;
}

}  // namespace

std::optional<std::string> cover_mistake(const Shape& shape, std::span<const DcpChunk> chunks) {
  constexpr std::size_t most_compared = 4096;  // each with each; trainers cut tensors into grids
  for (const DcpChunk& chunk : chunks) {
    if (!fits(shape, chunk)) return fmt::format("a chunk reaches beyond its tensor of shape {}", to_string(shape));
  }
  if (!volumes_add_up(shape, chunks)) {
    return fmt::format("the chunks do not cover the tensor of shape {} once", to_string(shape));
  }
  if (is_grid(shape, chunks)) return std::nullopt;
  if (chunks.size() > most_compared) return "the tensor is cut into too many chunks that form no grid";
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (overlap(chunks[i], chunks[j])) return "two chunks of the tensor overlap";
    }
  }
  return std::nullopt;
}

}  // namespace stockpot::io
