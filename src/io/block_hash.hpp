// XXH3-128 for wider registers than the system's library is built for. The hash is the same.
#pragma once

#include <cstddef>

namespace stockpot::io {

/// @param digest  16 bytes, in XXH3's canonical form.   @pre the CPU has the instruction set
void hash_block_avx2(const void* bytes, std::size_t count, void* digest);
void hash_block_avx512(const void* bytes, std::size_t count, void* digest);

}  // namespace stockpot::io
