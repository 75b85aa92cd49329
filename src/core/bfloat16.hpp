// A bfloat16 as it lies in a file: what loops read and write where inputs and output are of that type, so that nothing is
// widened into memory first.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "core/half.hpp"

namespace stockpot {

/// At any address. Its value is a float; back from one there is only the explicit, rounding way, so that no intermediate
/// of a kernel can become one unnoticed.
class Bfloat16 {
 public:
  Bfloat16() = default;
  /// Rounds to nearest, ties to even. NaN becomes narrow()'s: quiet, without sign or payload.
  explicit Bfloat16(float value) {
    const auto bits = static_cast<std::uint16_t>(rounded(value) >> 16);
    std::memcpy(bytes_, &bits, sizeof(bits));
  }
  /// The same in the upper half of a word; the lower one holds anything.
  static constexpr std::uint32_t rounded(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const bool is_nan = (bits & 0x7FFFFFFFu) > 0x7F800000u;
    return is_nan ? 0x7FC00000u : bits + 0x7FFFu + ((bits >> 16) & 1u);
  }
  /// Two of them lie in a word, the first one in its lower half.
  static std::uint32_t load_pair(const Bfloat16* from) {
    std::uint32_t pair;
    std::memcpy(&pair, from, sizeof(pair));
    return pair;
  }
  static void store_pair(std::uint32_t pair, Bfloat16* to) {
    std::memcpy(static_cast<void*>(to), &pair, sizeof(pair));
  }
  operator float() const { return bf16_to_f32(bits()); }
  std::uint16_t bits() const {
    std::uint16_t bits;
    std::memcpy(&bits, bytes_, sizeof(bits));
    return bits;
  }

 private:
  std::byte bytes_[2];
};
static_assert(sizeof(Bfloat16) == 2 && alignof(Bfloat16) == 1 && std::is_trivially_copyable_v<Bfloat16>);

/// What is computed with where elements are E: float or double themselves, float for Bfloat16.
template <class E>
using ValueOf = std::conditional_t<std::is_same_v<E, Bfloat16>, float, E>;

}  // namespace stockpot
