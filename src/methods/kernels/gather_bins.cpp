#include "methods/kernels/gather_bins.hpp"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include <bit>

#include "core/simd.hpp"
#include "methods/kernels/element_loops.hpp"
#include "methods/kernels/gather_keys.hpp"
#include "methods/kernels/magnitude_keys.hpp"
#include "methods/kernels/sub_tile.hpp"

namespace stockpot::methods {
namespace {

#ifdef __x86_64__
// The compiler makes no compressing loops of plain ones. One subtraction a lane, as elsewhere: the same bits.

constexpr std::size_t lanes = 16;
constexpr __mmask16 every = 0xFFFF;  // what has no mask in these intrinsics is uninitialised in the compiler's eyes
constexpr std::ptrdiff_t page_bytes = 4096;  // to whose end hardware reads ahead: a sub-tile of bfloat16

struct TwoRegisters {
  __m512 first, second;
};

/// 32 values, in an order that depends on their type.
[[gnu::target("avx512f")]] inline TwoRegisters load(const float* from) {
  return {_mm512_loadu_ps(from), _mm512_loadu_ps(from + lanes)};
}
[[gnu::target("avx512f")]] inline TwoRegisters load(const Bfloat16* from) {
  const __m512i pairs = _mm512_loadu_si512(from);
  return {_mm512_castsi512_ps(_mm512_maskz_slli_epi32(every, pairs, 16)),
          _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(static_cast<int>(0xFFFF0000))))};
}

[[gnu::target("avx512f")]] inline __m512i all(std::uint32_t value) {
  return _mm512_set1_epi32(static_cast<int>(value));
}

/// @pre count is a multiple of 2 * lanes
template <class E>
[[gnu::target("avx512f")]] BinsFound gather_avx512(const E* x, const E* base, std::size_t count, KeyBins range,
                                                   std::uint16_t* bins) {
  const __m512i magnitude = all(0x7FFFFFFF), low = all(range.low), high = all(range.high);
  const __m512i width = all(range.high - range.low);
  const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(range.shift));
  BinsFound found;
  const auto gather = [&](__m512 difference) __attribute__((target("avx512f"), always_inline)) {
    const __m512i key = _mm512_and_si512(_mm512_castps_si512(difference), magnitude);
    const __m512i above_low = _mm512_sub_epi32(key, low);
    const unsigned inside = _mm512_cmple_epu32_mask(above_low, width);
    const unsigned above = _mm512_cmpgt_epu32_mask(key, high);
    const __m512i bin = _mm512_maskz_srl_epi32(every, above_low, shift);
    const __m512i packed = _mm512_maskz_compress_epi32(static_cast<__mmask16>(inside), bin);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(bins + found.inside), _mm512_maskz_cvtepi32_epi16(every, packed));
    found.inside += static_cast<std::size_t>(std::popcount(inside));
    found.above += static_cast<std::uint64_t>(std::popcount(above));
  };
  for (std::size_t i = 0; i < count; i += 2 * lanes) {
    _mm_prefetch(reinterpret_cast<const char*>(x + i) + page_bytes, _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(base + i) + page_bytes, _MM_HINT_T0);
    const TwoRegisters a = load(x + i), b = load(base + i);
    gather(_mm512_sub_ps(a.first, b.first));
    gather(_mm512_sub_ps(a.second, b.second));
  }
  return found;
}
#endif

template <class E>
BinsFound gather_in_steps(const E* x, const E* base, std::size_t count, const KeyBins& range, std::uint16_t* bins) {
  float values[sub_tile_elements];
  std::uint32_t keys[sub_tile_elements], inside[sub_tile_elements + gather_slack];
  dispatch(subtract, x, base, count, &values[0]);
  dispatch(write_magnitude_keys, static_cast<const float*>(values), count, &keys[0]);
  BinsFound found;
  found.inside = gather_keys(keys, count, range.low, range.high, inside);
  for (std::size_t i = 0; i < found.inside; ++i) {
    bins[i] = static_cast<std::uint16_t>((inside[i] - range.low) >> range.shift);
  }
  dispatch(count_above, static_cast<const std::uint32_t*>(keys), count, range.high, &found.above);
  return found;
}

}  // namespace

template <class E>
BinsFound gather_bins(const E* x, const E* base, std::size_t count, const KeyBins& range, std::uint16_t* bins) {
  BinsFound found;
  std::size_t done = 0;
#ifdef __x86_64__
  if (active_instruction_set() == InstructionSet::avx512) {
    done = count / (2 * lanes) * (2 * lanes);
    found = gather_avx512(x, base, done, range, bins);
  }
#endif
  if (done == count) return found;
  const BinsFound rest = gather_in_steps(x + done, base + done, count - done, range, bins + found.inside);
  return {found.inside + rest.inside, found.above + rest.above};
}

template BinsFound gather_bins(const Bfloat16*, const Bfloat16*, std::size_t, const KeyBins&, std::uint16_t*);
template BinsFound gather_bins(const float*, const float*, std::size_t, const KeyBins&, std::uint16_t*);

}  // namespace stockpot::methods
