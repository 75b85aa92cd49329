// Whole runs of elements between their stored type and the type that methods compute in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/dtype.hpp"

namespace stockpot {

/// Widens stored elements, exactly (F64 to float rounds once and is only used where the caller asked for it).
/// @param dtype   a mergeable type.   @param stored  out.size() little-endian elements, any alignment.
/// @return true if any element is NaN or infinite.
bool widen(DType dtype, const std::byte* stored, std::span<float> out);
bool widen(DType dtype, const std::byte* stored, std::span<double> out);

/// Rounds once, to nearest, ties to even, into the stored type. Every NaN becomes one: quiet,
/// without sign or payload, because the sign of a NaN that arithmetic makes differs between instruction sets.
/// float8 saturates: finite values beyond its largest become that one; so does an infinity in F8_E4M3.
/// @param out  values.size() elements, any alignment.
/// @return true if any stored element is NaN or infinite, or any value that became a number was.
bool narrow(DType dtype, std::span<const float> values, std::byte* out);
bool narrow(DType dtype, std::span<const double> values, std::byte* out);

/// @return true if any of `count` stored elements is NaN or infinite.
bool holds_nonfinite(DType dtype, const std::byte* stored, std::size_t count);

/// Finite values that narrow() changes to the largest finite one of a float8 type although their neighbour on its grid,
/// continued, is beyond that. @return 0 for other types.
std::uint64_t count_saturated(DType dtype, std::span<const float> values);
std::uint64_t count_saturated(DType dtype, std::span<const double> values);

}  // namespace stockpot
