// Cutting a tensor into units: runs of whole blocks (and whole rows, where a method needs them).
#pragma once

#include <cstdint>
#include <vector>

#include "core/range.hpp"

namespace stockpot::partition {

/// Elements per unit such that units hold whole blocks and, if row_elements > 0, whole rows.
/// @param target_elements  what to come near to from below, if that is possible at all; at least one grain.
/// @param row_elements     0 if rows may be cut.
/// @return at least one block. For a row length with few factors of 2 it may exceed the tensor: that is then one unit.
std::uint64_t unit_elements(std::uint64_t target_elements, std::uint64_t row_elements);

/// Consecutive ranges of `unit_elements` covering [0, elements); the last may be short. Empty for an empty tensor.
/// @pre unit_elements > 0
std::vector<ElementRange> cut(std::uint64_t elements, std::uint64_t unit_elements);

}  // namespace stockpot::partition
