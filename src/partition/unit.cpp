#include "partition/unit.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/tensor.hpp"

namespace stockpot::partition {
namespace {

/// Elements that cannot be cut: a block, or the least run of whole blocks that is also a run of whole rows.
std::uint64_t grain(std::uint64_t row_elements) {
  if (row_elements == 0) return block_elements;
  const std::uint64_t rows = block_elements / std::gcd(row_elements, block_elements);
  return checked_multiply(row_elements, rows).value_or(std::numeric_limits<std::uint64_t>::max());
}

}  // namespace

std::uint64_t unit_elements(std::uint64_t target_elements, std::uint64_t row_elements) {
  const std::uint64_t least = grain(row_elements);
  return std::max<std::uint64_t>(1, target_elements / least) * least;
}

std::vector<ElementRange> cut(std::uint64_t elements, std::uint64_t unit_elements) {
  std::vector<ElementRange> units;
  units.reserve(elements / unit_elements + 1);
  for (std::uint64_t first = 0; first < elements; first += units.back().count) {
    units.push_back({first, std::min(unit_elements, elements - first)});
  }
  return units;
}

}  // namespace stockpot::partition
