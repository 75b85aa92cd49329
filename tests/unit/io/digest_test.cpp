#include "io/digest.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "core/simd.hpp"

namespace stockpot::io {
namespace {

constexpr DType dtype = DType::bf16;

std::span<const std::byte> bytes_of_text(std::string_view text) { return std::as_bytes(std::span(text)); }

std::vector<std::byte> stored(std::uint64_t elements) {
  std::vector<std::byte> bytes(bytes_of(dtype, elements));
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>((i * 7 + i / 509) % 256);
  return bytes;
}

/// XXH3-128 of two digests side by side, spelled out.
Digest joined(const Digest& left, const Digest& right) {
  std::vector<std::byte> both(left.bytes.begin(), left.bytes.end());
  both.insert(both.end(), right.bytes.begin(), right.bytes.end());
  return digest_block(both);
}

/// Digest of `bytes` when it comes in pieces of `blocks` blocks, the last piece first.
Digest in_pieces(const std::vector<std::byte>& bytes, std::uint64_t elements, std::uint64_t blocks) {
  DigestTree tree;
  const std::uint64_t piece = blocks * block_elements;
  for (std::uint64_t first = (elements - 1) / piece * piece;; first -= piece) {
    const ElementRange range{first, std::min(piece, elements - first)};
    digest_blocks(dtype, range, std::span(bytes).subspan(bytes_of(dtype, first), bytes_of(dtype, range.count)), tree);
    if (first == 0) return tensor_digest(tree, elements);
  }
}

TEST(Digest, IsXxh3InCanonicalForm) {
  EXPECT_EQ(digest_block({}).hex(), "99aa06d3014798d86001c324468d497f");  // xxHash's own test vectors
  EXPECT_EQ(digest_block(bytes_of_text("abc")).hex(), "06b05ab6733a618578af5f94892f3950");
}

TEST(Digest, IsTheSameOnEveryInstructionSet) {
  std::vector<std::byte> bytes(300'000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * i % 251);
  const InstructionSet chosen = active_instruction_set();
  for (const std::size_t size : {0u, 1u, 3u, 16u, 17u, 128u, 129u, 240u, 241u, 1024u, 1025u, 131'072u, 299'999u}) {
    const auto block = std::span(bytes).first(size);
    DigestStream stream;  // always the library's
    stream.add(block);
    for (const InstructionSet set : {InstructionSet::baseline, InstructionSet::avx2, InstructionSet::avx512}) {
      if (set > best_instruction_set()) continue;
      use(set);
      EXPECT_EQ(digest_block(block), stream.digest()) << name(set) << " " << size;
    }
  }
  use(chosen);
}

TEST(Digest, SurvivesItsTextForm) {
  const Digest digest = digest_block(bytes_of_text("abc"));
  EXPECT_EQ(Digest::parse(digest.hex()), digest);
}

TEST(Digest, OtherTextsAreNoDigest) {
  EXPECT_EQ(Digest::parse("06b05ab6733a618578af5f94892f395"), std::nullopt);
  EXPECT_EQ(Digest::parse("06b05ab6733a618578af5f94892f39500"), std::nullopt);
  EXPECT_EQ(Digest::parse("06B05AB6733A618578AF5F94892F3950"), std::nullopt);
  EXPECT_EQ(Digest::parse("06b05ab6733a618578af5f94892f395g"), std::nullopt);
}

TEST(TensorDigest, OfOneBlockIsThatBlocks) {
  const auto bytes = stored(block_elements);
  EXPECT_EQ(in_pieces(bytes, block_elements, 1), digest_block(bytes));
}

TEST(TensorDigest, JoinsThreeBlocksAsTwoAndOne) {
  const std::uint64_t elements = 2 * block_elements + 1;
  const auto bytes = stored(elements);
  const std::size_t block = 2 * block_elements;
  const auto leaf = [&](std::size_t i, std::size_t size) {
    return digest_block(std::span(bytes).subspan(i * block, size));
  };
  EXPECT_EQ(in_pieces(bytes, elements, 1), joined(joined(leaf(0, block), leaf(1, block)), leaf(2, 2)));
}

TEST(TensorDigest, DoesNotDependOnThePartition) {
  const std::uint64_t elements = 11 * block_elements - 3;
  const auto bytes = stored(elements);
  const Digest whole = in_pieces(bytes, elements, 11);
  for (const std::uint64_t blocks : {1u, 2u, 3u, 4u, 7u, 10u})
    EXPECT_EQ(in_pieces(bytes, elements, blocks), whole) << blocks;
}

TEST(TensorDigest, ARunsSubtreesGoBackInOrder) {
  for (const std::uint64_t first : {0u, 1u, 3u, 4u, 6u}) {
    for (std::uint64_t blocks = 1; blocks < 12; ++blocks) {
      DigestTree run, again;
      for (std::uint64_t b = first; b < first + blocks; ++b)
        run.insert(0, b, Digest{{std::byte{static_cast<unsigned char>(b)}}});
      const ElementRange range{first * block_elements, blocks * block_elements - 7};
      const std::vector<Digest> digests = digests_left_to_right(run);
      ASSERT_TRUE(insert_left_to_right(range, digests, again)) << first << " " << blocks;
      ASSERT_EQ(again.nodes().size(), run.nodes().size());
      for (std::size_t n = 0; n < run.nodes().size(); ++n) {
        EXPECT_EQ(again.nodes()[n].level, run.nodes()[n].level);
        EXPECT_EQ(again.nodes()[n].index, run.nodes()[n].index);
        EXPECT_EQ(again.nodes()[n].value, run.nodes()[n].value);
      }
      DigestTree other;
      EXPECT_FALSE(insert_left_to_right(range, std::span(digests).first(digests.size() - 1), other));
    }
  }
}

TEST(TensorDigest, SeesOneChangedBit) {
  auto bytes = stored(3 * block_elements);
  const Digest before = in_pieces(bytes, 3 * block_elements, 1);
  bytes[bytes.size() / 2] ^= std::byte{1};
  EXPECT_NE(in_pieces(bytes, 3 * block_elements, 1), before);
}

TEST(TensorDigest, OfNoElementsIsThatOfNoBytes) { EXPECT_EQ(tensor_digest(DigestTree(), 0), digest_block({})); }

TEST(FileDigest, DependsOnHeaderAndOrder) {
  const Digest header = digest_block(bytes_of_text("header"));
  const std::vector<Digest> tensors{digest_block(bytes_of_text("a")), digest_block(bytes_of_text("b"))};
  const std::vector<Digest> swapped{tensors[1], tensors[0]};
  EXPECT_NE(file_digest(header, tensors), file_digest(header, swapped));
  EXPECT_NE(file_digest(header, tensors), file_digest(tensors[0], tensors));
  EXPECT_EQ(file_digest(header, std::span(tensors).first(1)), joined(header, tensors[0]));
}

TEST(Sha256, MatchesTheStandardsExample) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace stockpot::io
