#include "methods/kernels/gather_keys.hpp"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include <bit>

#include "core/simd.hpp"
#include "methods/kernels/lanes_of_set.hpp"

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

/// A register full of keys.
template <class Key>
struct Register;

template <>
struct Register<std::uint32_t> {
  static constexpr std::size_t keys = 16;
  [[gnu::target("avx512f")]] static __m512i all(std::uint32_t key) { return _mm512_set1_epi32(static_cast<int>(key)); }
  [[gnu::target("avx512f")]] static __m512i counting() {
    return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  }
  [[gnu::target("avx512f")]] static __m512i sum(__m512i a, __m512i b) { return _mm512_add_epi32(a, b); }
  [[gnu::target("avx512f")]] static __mmask16 inside(__m512i key, __m512i low, __m512i width) {
    return _mm512_cmple_epu32_mask(_mm512_sub_epi32(key, low), width);
  }
  [[gnu::target("avx512f")]] static __m512i packed(__mmask16 which, __m512i from) {
    return _mm512_maskz_compress_epi32(which, from);
  }
};

template <>
struct Register<std::uint64_t> {
  static constexpr std::size_t keys = 8;
  [[gnu::target("avx512f")]] static __m512i all(std::uint64_t key) {
    return _mm512_set1_epi64(static_cast<long long>(key));
  }
  [[gnu::target("avx512f")]] static __m512i counting() { return _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7); }
  [[gnu::target("avx512f")]] static __m512i sum(__m512i a, __m512i b) { return _mm512_add_epi64(a, b); }
  [[gnu::target("avx512f")]] static __mmask8 inside(__m512i key, __m512i low, __m512i width) {
    return _mm512_cmple_epu64_mask(_mm512_sub_epi64(key, low), width);
  }
  [[gnu::target("avx512f")]] static __m512i packed(__mmask8 which, __m512i from) {
    return _mm512_maskz_compress_epi64(which, from);
  }
};

template <bool with_places, class Key>
[[gnu::target("avx512f")]] std::size_t gather_avx512(const Key* keys, std::size_t count, Key low, Key high, Key* found,
                                                     Key* places) {
  using Keys = Register<Key>;
  const __m512i lows = Keys::all(low), widths = Keys::all(high - low), step = Keys::all(Keys::keys);
  __m512i place = Keys::counting();
  std::size_t next = 0, i = 0;
  for (; i + Keys::keys <= count; i += Keys::keys) {
    const __m512i key = _mm512_loadu_si512(keys + i);
    const auto inside = Keys::inside(key, lows, widths);
    _mm512_storeu_si512(found + next, Keys::packed(inside, key));
    if constexpr (with_places) {
      _mm512_storeu_si512(places + next, Keys::packed(inside, place));
      place = Keys::sum(place, step);
    }
    next += static_cast<std::size_t>(std::popcount(static_cast<unsigned>(inside)));
  }
  return next + gather_plain<with_places>(keys, i, count, low, high, found + next, places + next);
}

template <bool with_places>
[[gnu::target("avx2")]] std::size_t gather_avx2(const std::uint32_t* keys, std::size_t count, std::uint32_t low,
                                                std::uint32_t high, std::uint32_t* found, std::uint32_t* places) {
  constexpr std::size_t lanes = 8;
  const __m256i lows = _mm256_set1_epi32(static_cast<int>(low)),
                widths = _mm256_set1_epi32(static_cast<int>(high - low)), step = _mm256_set1_epi32(lanes);
  __m256i place = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  std::size_t next = 0, i = 0;
  for (; i + lanes <= count; i += lanes) {
    const __m256i key = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(keys + i));
    const __m256i above_low = _mm256_sub_epi32(key, lows);
    const __m256i is_inside = _mm256_cmpeq_epi32(_mm256_min_epu32(above_low, widths), above_low);
    const auto inside = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(is_inside)));
    const __m256i order = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lanes_of_set[inside].data()));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(found + next), _mm256_permutevar8x32_epi32(key, order));
    if constexpr (with_places) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(places + next), _mm256_permutevar8x32_epi32(place, order));
      place = _mm256_add_epi32(place, step);
    }
    next += static_cast<std::size_t>(std::popcount(inside));
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
  if constexpr (sizeof(Key) == sizeof(std::uint32_t)) {
    if (active_instruction_set() == InstructionSet::avx2) {
      return gather_avx2<with_places>(keys, count, low, high, found, places);
    }
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
