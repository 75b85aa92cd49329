#include "io/block_hash.hpp"

// Nothing but the hash may be compiled for this instruction set: an inline function of another header could end up in code
// that runs everywhere. Those of xxhash.h are static.
#ifdef __x86_64__
#pragma GCC target("avx512f")
#endif
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace stockpot::io {

void hash_block_avx512(const void* bytes, std::size_t count, void* digest) {
  XXH128_canonicalFromHash(static_cast<XXH128_canonical_t*>(digest), XXH3_128bits(bytes, count));
}

}  // namespace stockpot::io
