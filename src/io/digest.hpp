// Digests that do not care who computed them: of a tensor out of its blocks, of a file out of its tensors.
//
//   leaf     XXH3-128 (seed 0) of the stored bytes of one block of 65,536 elements; the last block may be short
//   node     XXH3-128 of the 32 bytes left || right
//   tensor   the root of the tree that core/block_tree.hpp defines; XXH3-128 of no bytes if there are no elements
//   file     XXH3-128 of header || first tensor || second tensor ..., 16 bytes each, in file order, without the
//            tensors that have no bytes and so no place in the file
// where `header` is the XXH3-128 of the bytes that describe the tensors: in a safetensors file everything before the
// first data byte, padding included; in an HDF5 file the content of /meta/catalogue; in a file of a distributed
// checkpoint all that is not tensor data.
//
// XXH3 finds accidents at the speed of memory. It is no defence against forgers; those are met by signing the manifest.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/block_tree.hpp"
#include "core/dtype.hpp"
#include "core/range.hpp"

namespace stockpot::io {

/// How manifests call this scheme.
inline constexpr std::string_view digest_algorithm = "xxh3-128-tree-65536";

/// 128 bits in XXH3's canonical form: big-endian, high half first.
struct Digest {
  std::array<std::byte, 16> bytes{};

  /// 32 lower-case digits.
  std::string hex() const;
  static std::optional<Digest> parse(std::string_view hex);
  bool operator==(const Digest&) const = default;
};

struct CombineDigests {
  Digest operator()(const Digest& left, const Digest& right) const;
};
using DigestTree = BlockTree<Digest, CombineDigests>;

/// The leaf. Also the digest of a header.
Digest digest_block(std::span<const std::byte> stored);

/// The same of bytes that come in pieces.
class DigestStream {
 public:
  DigestStream();
  ~DigestStream();
  DigestStream(const DigestStream&) = delete;
  DigestStream& operator=(const DigestStream&) = delete;

  void add(std::span<const std::byte> bytes);
  /// Of all so far.
  Digest digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Adds the leaves of a run of whole blocks to `tree`.
/// @param range   begins where a block begins and ends where one ends, or where the tensor ends.
/// @param stored  the encoded elements of `range`.
void digest_blocks(DType dtype, ElementRange range, std::span<const std::byte> stored, DigestTree& tree);

/// The complete subtrees of a run of blocks, from its first block to its last.
std::vector<Digest> digests_left_to_right(const DigestTree& run);
/// Puts them back. @return false, and `tree` has changed, if there are not as many as the range has subtrees.
bool insert_left_to_right(ElementRange range, std::span<const Digest> digests, DigestTree& tree);

/// @param tree  holds every block of a tensor of `elements` elements.
Digest tensor_digest(const DigestTree& tree, std::uint64_t elements);

/// @param tensors  those with bytes, in file order.
Digest file_digest(const Digest& header, std::span<const Digest> tensors);

/// SHA-256 in 64 lower-case digits: for texts that people compare with `sha256sum`.
std::string sha256_hex(std::string_view bytes);

}  // namespace stockpot::io
