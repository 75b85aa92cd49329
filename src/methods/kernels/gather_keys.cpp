#include "methods/kernels/gather_keys.hpp"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include <bit>
#include <type_traits>

#include "core/simd.hpp"

namespace stockpot::methods {
namespace {

/// Without branches: whether a key lies in the range cannot be foreseen. @param places  nullptr: not wanted
template <bool with_places, class Key>
std::size_t gather_plain(const Key* keys, std::size_t first, std::size_t count, Key low, Key high, Key* found,
                         Key* places) {
  std::size_t next = 0;
  const Key width = high - low;
  for (std::size_t i = first; i < count; ++i) {
    found[next] = keys[i];
    if constexpr (with_places) places[next] = static_cast<Key>(i);
    next += static_cast<Key>(keys[i] - low) <= width ? 1 : 0;
  }
  return next;
}

#ifdef __x86_64__
// The compiler makes no compressing loops of plain ones. These move integers: no result depends on them.

template <bool with_places>
[[gnu::target("avx512f")]] std::size_t gather_avx512(const std::uint32_t* keys, std::size_t count, std::uint32_t low,
                                                     std::uint32_t high, std::uint32_t* found, std::uint32_t* places) {
  const __m512i lows = _mm512_set1_epi32(static_cast<int>(low));
  const __m512i widths = _mm512_set1_epi32(static_cast<int>(high - low));
  const __m512i sixteen = _mm512_set1_epi32(16);
  __m512i place = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  std::size_t next = 0, i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m512i key = _mm512_loadu_si512(keys + i);
    const __mmask16 inside = _mm512_cmple_epu32_mask(_mm512_sub_epi32(key, lows), widths);
    _mm512_storeu_si512(found + next, _mm512_maskz_compress_epi32(inside, key));
    if constexpr (with_places) {
      _mm512_storeu_si512(places + next, _mm512_maskz_compress_epi32(inside, place));
      place = _mm512_add_epi32(place, sixteen);
    }
    next += static_cast<std::size_t>(std::popcount(static_cast<unsigned>(inside)));
  }
  return next + gather_plain<with_places>(keys, i, count, low, high, found + next, places + next);
}

template <bool with_places>
[[gnu::target("avx512f")]] std::size_t gather_avx512(const std::uint64_t* keys, std::size_t count, std::uint64_t low,
                                                     std::uint64_t high, std::uint64_t* found, std::uint64_t* places) {
  const __m512i lows = _mm512_set1_epi64(static_cast<long long>(low));
  const __m512i widths = _mm512_set1_epi64(static_cast<long long>(high - low));
  const __m512i eight = _mm512_set1_epi64(8);
  __m512i place = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
  std::size_t next = 0, i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m512i key = _mm512_loadu_si512(keys + i);
    const __mmask8 inside = _mm512_cmple_epu64_mask(_mm512_sub_epi64(key, lows), widths);
    _mm512_storeu_si512(found + next, _mm512_maskz_compress_epi64(inside, key));
    if constexpr (with_places) {
      _mm512_storeu_si512(places + next, _mm512_maskz_compress_epi64(inside, place));
      place = _mm512_add_epi64(place, eight);
    }
    next += static_cast<std::size_t>(std::popcount(static_cast<unsigned>(inside)));
  }
  return next + gather_plain<with_places>(keys, i, count, low, high, found + next, places + next);
}
#endif

template <bool with_places, class Key>
std::size_t gather(const Key* keys, std::size_t count, Key low, Key high, Key* found, Key* places) {
#ifdef __x86_64__
  if (active_instruction_set() == InstructionSet::avx512) {
    return gather_avx512<with_places>(keys, count, low, high, found, places);
  }
#endif
  return gather_plain<with_places>(keys, 0, count, low, high, found, places);
}

}  // namespace

template <class Key>
std::size_t gather_keys(const Key* keys, std::size_t count, Key low, Key high, Key* found) {
  return gather<false>(keys, count, low, high, found, found);
}

template <class Key>
std::size_t gather_places(const Key* keys, std::size_t count, Key low, Key high, Key* found, Key* places) {
  return gather<true>(keys, count, low, high, found, places);
}

template std::size_t gather_keys(const std::uint32_t*, std::size_t, std::uint32_t, std::uint32_t, std::uint32_t*);
template std::size_t gather_keys(const std::uint64_t*, std::size_t, std::uint64_t, std::uint64_t, std::uint64_t*);
template std::size_t gather_places(const std::uint32_t*, std::size_t, std::uint32_t, std::uint32_t, std::uint32_t*,
                                   std::uint32_t*);
template std::size_t gather_places(const std::uint64_t*, std::size_t, std::uint64_t, std::uint64_t, std::uint64_t*,
                                   std::uint64_t*);

}  // namespace stockpot::methods
