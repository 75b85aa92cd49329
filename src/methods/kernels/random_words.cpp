#include "methods/kernels/random_words.hpp"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "core/simd.hpp"

namespace stockpot::methods {
namespace {

/// out[4 * i + w] = word w of group first + i. Words are kept in 64-bit variables, the width of their products: the
/// compiler then needs no shuffles between halves, which cost more than the multiplications.
constexpr auto philox_words = [](RandomStream random, std::uint64_t first, std::size_t groups, std::uint32_t* out) {
  constexpr std::uint64_t low32 = 0xFFFFFFFF;
  for (std::size_t i = 0; i < groups; ++i) {
    const std::uint64_t group = first + i;
    std::uint64_t c0 = group & low32, c1 = group >> 32, c2 = random.stream & low32, c3 = random.stream >> 32;
    std::uint64_t k0 = random.seed & low32, k1 = random.seed >> 32;
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = c0 * 0xD2511F53u;
      const std::uint64_t p1 = c2 * 0xCD9E8D57u;
      c0 = (p1 >> 32) ^ c1 ^ k0;
      c2 = (p0 >> 32) ^ c3 ^ k1;
      c1 = p1 & low32;
      c3 = p0 & low32;
      k0 = (k0 + 0x9E3779B9u) & low32;
      k1 = (k1 + 0xBB67AE85u) & low32;
    }
    out[4 * i] = static_cast<std::uint32_t>(c0);
    out[4 * i + 1] = static_cast<std::uint32_t>(c1);
    out[4 * i + 2] = static_cast<std::uint32_t>(c2);
    out[4 * i + 3] = static_cast<std::uint32_t>(c3);
  }
};

#ifdef __x86_64__
// AVX2 multiplies halves of 64-bit lanes, which the compiler does not know to be enough: it makes three products of one.

constexpr std::size_t registers = 2, lanes = 4,
                      groups_at_once = registers * lanes;  // two, for one waits for its products

/// c[w] = word w of a group in each lane; upper halves hold anything.
struct Groups {
  __m256i c[4];
};

[[gnu::target("avx2")]] inline __m256i all(std::uint64_t value) {
  return _mm256_set1_epi64x(static_cast<long long>(value));
}

[[gnu::target("avx2")]] inline void store(const Groups& groups, std::uint32_t* out) {
  constexpr int upper_halves = 0xAA;
  const auto& c = groups.c;
  const __m256i first = _mm256_blend_epi32(c[0], _mm256_slli_epi64(c[1], 32), upper_halves);
  const __m256i second = _mm256_blend_epi32(c[2], _mm256_slli_epi64(c[3], 32), upper_halves);
  const __m256i even = _mm256_unpacklo_epi64(first, second), odd = _mm256_unpackhi_epi64(first, second);
  auto* const to = reinterpret_cast<__m256i*>(out);
  _mm256_storeu_si256(to, _mm256_permute2x128_si256(even, odd, 0x20));
  _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(even, odd, 0x31));
}

/// @pre groups is a multiple of groups_at_once
[[gnu::target("avx2")]] void philox_avx2(RandomStream random, std::uint64_t first, std::size_t groups,
                                         std::uint32_t* out) {
  constexpr std::uint64_t low32 = 0xFFFFFFFF;
  const __m256i multiplier0 = all(0xD2511F53u), multiplier1 = all(0xCD9E8D57u);
  for (std::size_t i = 0; i < groups; i += groups_at_once) {
    Groups at[registers];
    for (std::size_t r = 0; r < registers; ++r) {
      const __m256i group = _mm256_add_epi64(all(first + i + r * lanes), _mm256_setr_epi64x(0, 1, 2, 3));
      at[r] = {{group, _mm256_srli_epi64(group, 32), all(random.stream & low32), all(random.stream >> 32)}};
    }
    std::uint64_t k0 = random.seed & low32, k1 = random.seed >> 32;
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      const __m256i key0 = all(k0), key1 = all(k1);
      for (auto& [c] : at) {
        const __m256i p0 = _mm256_mul_epu32(c[0], multiplier0), p1 = _mm256_mul_epu32(c[2], multiplier1);
        c[0] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p1, 32), c[1]), key0);
        c[2] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p0, 32), c[3]), key1);
        c[1] = p1;
        c[3] = p0;
      }
      k0 = (k0 + 0x9E3779B9u) & low32;
      k1 = (k1 + 0xBB67AE85u) & low32;
    }
    for (std::size_t r = 0; r < registers; ++r) store(at[r], out + 4 * (i + r * lanes));
  }
}
#endif

}  // namespace

void write_words(RandomStream random, std::uint64_t first, std::size_t groups, std::uint32_t* out) {
  std::size_t done = 0;
#ifdef __x86_64__
  if (active_instruction_set() == InstructionSet::avx2) {
    done = groups / groups_at_once * groups_at_once;
    philox_avx2(random, first, done, out);
  }
#endif
  if (done < groups) dispatch(philox_words, random, first + done, groups - done, out + 4 * done);
}

}  // namespace stockpot::methods
