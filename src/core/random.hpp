// Counter-based random numbers: a draw is a function of (seed, model, tensor, element) and of nothing else.
//
// Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011 (Philox4x32-10), by way of Random123.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace stockpot {

/// What a stream's words are for.
inline constexpr std::uint8_t mask_domain = 0;   ///< dropout
inline constexpr std::uint8_t tie_domain = 1;    ///< the order of equal magnitudes
inline constexpr std::uint8_t value_domain = 2;  ///< values themselves: routers, noise

/// FNV-1a, 64 bits, of byte `domain`, the UTF-8 of `model_key`, a zero byte, the UTF-8 of `tensor_name`.
std::uint64_t stream_of(std::uint8_t domain, std::string_view model_key, std::string_view tensor_name);

/// The random words of one (seed, model, tensor).
struct RandomStream {
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;

  /// Words of elements 4 * group ... 4 * group + 3.
  std::array<std::uint32_t, 4> words(std::uint64_t group) const;
  /// The word of one element.
  std::uint32_t word(std::uint64_t element) const { return words(element / 4)[element % 4]; }
};

enum class Distribution {
  normal,  ///< mean 0, deviation 1
  uniform  ///< in (-1, 1)
};

/// The values of elements `first` and on. Word w stands for u = (w + 1/2) / 2^32. Uniform: 2u - 1. Normal (Box and Muller):
/// of the words w0, w1 of elements 2k and 2k + 1, r = sqrt(-2 ln u0): r cos(2 pi u1) and r sin(2 pi u1); |x| < 6.77.
void draw(Distribution distribution, const RandomStream& stream, std::uint64_t first, std::span<double> values);

/// An element is kept when its word is below this: min(2^32, trunc(p * 2^32)). @param p in [0, 1].
std::uint64_t keep_threshold(double p);

}  // namespace stockpot
