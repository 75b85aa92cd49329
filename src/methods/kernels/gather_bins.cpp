#include "methods/kernels/gather_bins.hpp"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include <bit>

#include "core/simd.hpp"
#include "methods/kernels/element_loops.hpp"
#include "methods/kernels/gather_keys.hpp"
#include "methods/kernels/lanes_of_set.hpp"
#include "methods/kernels/magnitude_keys.hpp"
#include "methods/kernels/sub_tile.hpp"

namespace stockpot::methods {
namespace {

#ifdef __x86_64__
// The compiler makes no compressing loops of plain ones. One subtraction a lane, as elsewhere: the same bits.

constexpr std::ptrdiff_t page_bytes = 4096;  // to whose end hardware reads ahead: a sub-tile of bfloat16

/// Elements that the loops below take at once: two registers of floats, or one of pairs of bfloat16.
constexpr std::size_t step_of_avx512 = 32, step_of_avx2 = 16;

/// A step's values, in an order that depends on their type.
struct Step512 {
  __m512 first, second;
};
struct Step256 {
  __m256 first, second;
};

// Intrinsics of AVX-512 without a mask use registers that are uninitialised in the compiler's eyes.
constexpr __mmask16 every = 0xFFFF;

[[gnu::target("avx512f")]] inline __m512i all_512(std::uint32_t value) {
  return _mm512_set1_epi32(static_cast<int>(value));
}
[[gnu::target("avx2")]] inline __m256i all_256(std::uint32_t value) {
  return _mm256_set1_epi32(static_cast<int>(value));
}

[[gnu::target("avx512f")]] inline void load(const float* from, Step512& to) {
  to = {_mm512_loadu_ps(from), _mm512_loadu_ps(from + 16)};
}
[[gnu::target("avx512f")]] inline void load(const Bfloat16* from, Step512& to) {
  const __m512i pairs = _mm512_loadu_si512(from);
  to = {_mm512_castsi512_ps(_mm512_maskz_slli_epi32(every, pairs, 16)),
        _mm512_castsi512_ps(_mm512_and_si512(pairs, all_512(0xFFFF0000)))};
}
[[gnu::target("avx2")]] inline void load(const float* from, Step256& to) {
  to = {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}
[[gnu::target("avx2")]] inline void load(const Bfloat16* from, Step256& to) {
  const __m256i pairs = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  to = {_mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)),
        _mm256_castsi256_ps(_mm256_and_si256(pairs, all_256(0xFFFF0000)))};
}

/// @pre count is a multiple of step_of_avx512
template <class E>
[[gnu::target("avx512f")]] BinsFound gather_avx512(const E* x, const E* base, std::size_t count, KeyBins range,
                                                   std::uint16_t* bins) {
  const __m512i magnitude = all_512(0x7FFFFFFF), low = all_512(range.low), high = all_512(range.high);
  const __m512i width = all_512(range.high - range.low);
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
  for (std::size_t i = 0; i < count; i += step_of_avx512) {
    _mm_prefetch(reinterpret_cast<const char*>(x + i) + page_bytes, _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(base + i) + page_bytes, _MM_HINT_T0);
    Step512 a, b;
    load(x + i, a);
    load(base + i, b);
    gather(_mm512_sub_ps(a.first, b.first));
    gather(_mm512_sub_ps(a.second, b.second));
  }
  return found;
}

/// @pre count is a multiple of step_of_avx2
template <class E>
[[gnu::target("avx2")]] BinsFound gather_avx2(const E* x, const E* base, std::size_t count, KeyBins range,
                                              std::uint16_t* bins) {
  const __m256i magnitude = all_256(0x7FFFFFFF), low = all_256(range.low), high = all_256(range.high);
  const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(range.shift));
  BinsFound found;
  const auto gather = [&](__m256 difference) __attribute__((target("avx2"), always_inline)) {
    const __m256i key = _mm256_and_si256(_mm256_castps_si256(difference), magnitude);
    const __m256i below = _mm256_cmpgt_epi32(low, key), above = _mm256_cmpgt_epi32(key, high);  // keys have no sign
    const auto outside = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_or_si256(below, above))));
    const unsigned inside = outside ^ 0xFF;
    const __m256i bin = _mm256_srl_epi32(_mm256_sub_epi32(key, low), shift);
    const __m256i order = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lanes_of_set[inside].data()));
    const __m256i packed = _mm256_permutevar8x32_epi32(bin, order);
    const __m128i narrow = _mm_packus_epi32(_mm256_castsi256_si128(packed), _mm256_extracti128_si256(packed, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bins + found.inside), narrow);
    found.inside += static_cast<std::size_t>(std::popcount(inside));
    const auto over = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(above)));
    found.above += static_cast<std::uint64_t>(std::popcount(over));
  };
  for (std::size_t i = 0; i < count; i += step_of_avx2) {
    Step256 a, b;
    load(x + i, a);
    load(base + i, b);
    gather(_mm256_sub_ps(a.first, b.first));
    gather(_mm256_sub_ps(a.second, b.second));
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
    done = count / step_of_avx512 * step_of_avx512;
    found = gather_avx512(x, base, done, range, bins);
  } else if (active_instruction_set() == InstructionSet::avx2) {
    done = count / step_of_avx2 * step_of_avx2;
    found = gather_avx2(x, base, done, range, bins);
  }
#endif
  if (done == count) return found;
  const BinsFound rest = gather_in_steps(x + done, base + done, count - done, range, bins + found.inside);
  return {found.inside + rest.inside, found.above + rest.above};
}

template BinsFound gather_bins(const Bfloat16*, const Bfloat16*, std::size_t, const KeyBins&, std::uint16_t*);
template BinsFound gather_bins(const float*, const float*, std::size_t, const KeyBins&, std::uint16_t*);

}  // namespace stockpot::methods
