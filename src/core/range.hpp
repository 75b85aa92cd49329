// Ranges of elements and of bytes: two types that do not convert into each other. And the block, the unit of account.
#pragma once

#include <cstdint>

namespace stockpot {

/// Leaf of every reduction and of every digest: this many consecutive elements of one tensor, counted from its start.
/// Part of the numeric contract, never a tuning knob.
inline constexpr std::uint64_t block_elements = 65'536;

/// Elements [first, first + count) of one tensor, in row-major flat order.
struct ElementRange {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  std::uint64_t end() const { return first + count; }
  std::uint64_t first_block() const { return first / block_elements; }
  bool operator==(const ElementRange&) const = default;
};

/// Bytes [offset, offset + count) of one file.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t count = 0;
  std::uint64_t end() const { return offset + count; }
  bool operator==(const ByteRange&) const = default;
};

/// Number of blocks that `elements` elements fill; the last block may be short.
constexpr std::uint64_t blocks_of(std::uint64_t elements) {
  return elements / block_elements + (elements % block_elements != 0 ? 1 : 0);
}

}  // namespace stockpot
