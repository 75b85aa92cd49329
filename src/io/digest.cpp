#include "io/digest.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <vector>

#include "core/error.hpp"
#include "core/simd.hpp"
#include "io/block_hash.hpp"

namespace stockpot::io {
namespace {

template <class Byte>
std::string hex_of(std::span<const Byte> bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const auto byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  return std::nullopt;
}

Digest canonical(XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  Digest digest;
  static_assert(sizeof canonical.digest == sizeof digest.bytes);
  std::memcpy(digest.bytes.data(), canonical.digest, sizeof canonical.digest);
  return digest;
}

Digest xxh3(std::span<const std::byte> bytes) { return canonical(XXH3_128bits(bytes.data(), bytes.size())); }

}  // namespace

std::string Digest::hex() const { return hex_of(std::span<const std::byte>(bytes)); }

std::optional<Digest> Digest::parse(std::string_view hex) {
  Digest digest;
  if (hex.size() != 2 * digest.bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
    const auto high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
    if (!high || !low) return std::nullopt;
    digest.bytes[i] = static_cast<std::byte>(*high * 16 + *low);
  }
  return digest;
}

Digest CombineDigests::operator()(const Digest& left, const Digest& right) const {
  return file_digest(left, std::span(&right, 1));
}

Digest digest_block(std::span<const std::byte> stored) {
  Digest digest;
  switch (active_instruction_set()) {
    case InstructionSet::avx512:
      hash_block_avx512(stored.data(), stored.size(), digest.bytes.data());
      return digest;
    case InstructionSet::avx2:
      hash_block_avx2(stored.data(), stored.size(), digest.bytes.data());
      return digest;
    case InstructionSet::baseline:
      return xxh3(stored);
  }
  return digest;
}

struct DigestStream::State {
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> xxh3{XXH3_createState(), &XXH3_freeState};
};

DigestStream::DigestStream() : state_(std::make_unique<State>()) { XXH3_128bits_reset(state_->xxh3.get()); }

DigestStream::~DigestStream() = default;

void DigestStream::add(std::span<const std::byte> bytes) {
  XXH3_128bits_update(state_->xxh3.get(), bytes.data(), bytes.size());
}

Digest DigestStream::digest() const { return canonical(XXH3_128bits_digest(state_->xxh3.get())); }

void digest_blocks(DType dtype, ElementRange range, std::span<const std::byte> stored, DigestTree& tree) {
  assert(range.first % block_elements == 0);
  assert(stored.size() == bytes_of(dtype, range.count));
  const std::size_t block_bytes = bytes_of(dtype, block_elements);
  for (std::uint64_t block = range.first_block(); !stored.empty(); ++block) {
    const auto leaf = stored.first(std::min(block_bytes, stored.size()));
    tree.insert(0, block, digest_block(leaf));
    stored = stored.subspan(leaf.size());
  }
}

std::vector<Digest> digests_left_to_right(const DigestTree& run) {
  auto nodes = run.nodes();
  std::ranges::sort(nodes, {}, [](const DigestTree::Node& node) { return node.index << node.level; });
  std::vector<Digest> digests;
  for (const auto& node : nodes) digests.push_back(node.value);
  return digests;
}

bool insert_left_to_right(ElementRange range, std::span<const Digest> digests, DigestTree& tree) {
  std::uint64_t block = range.first_block();
  std::uint64_t left = blocks_of(range.count);
  for (const Digest& digest : digests) {
    if (left == 0) return false;
    // The widest aligned subtree that begins here and does not reach beyond the run.
    const int aligned = block == 0 ? 63 : std::countr_zero(block);
    const int level = std::min(aligned, static_cast<int>(std::bit_width(left)) - 1);
    tree.insert(static_cast<std::uint32_t>(level), block >> level, digest);
    block += std::uint64_t{1} << level;
    left -= std::uint64_t{1} << level;
  }
  return left == 0;
}

Digest tensor_digest(const DigestTree& tree, std::uint64_t elements) {
  return elements == 0 ? digest_block({}) : tree.total(blocks_of(elements));
}

Digest file_digest(const Digest& header, std::span<const Digest> tensors) {
  std::vector<std::byte> joined(header.bytes.begin(), header.bytes.end());
  joined.reserve((1 + tensors.size()) * sizeof header.bytes);
  for (const Digest& tensor : tensors) joined.insert(joined.end(), tensor.bytes.begin(), tensor.bytes.end());
  return xxh3(joined);
}

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size, EVP_sha256(), nullptr) != 1) {
    throw Error(ErrorKind::internal, "OpenSSL offers no SHA-256");
  }
  return hex_of(std::span<const unsigned char>(hash.data(), size));
}

}  // namespace stockpot::io
