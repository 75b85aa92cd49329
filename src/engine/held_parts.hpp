// What memory holds of input files, so that merges that are made together read the same bytes once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/stored_parts.hpp"

namespace stockpot::engine {

/// The parts of one bundle's strips, in memory that is used again and again.
class HeldParts {
 public:
  /// Reads parts, which lie at ascending addresses, but for those that lie where they are wanted already. @return bytes read.
  std::uint64_t read(std::span<const StoredPart> parts);
  /// Whether read() would find all of that in memory.
  bool holds(std::span<const StoredPart> parts) const { return found(parts) == parts.size(); }

 private:
  struct Part {
    const std::byte* memory = nullptr;
    std::string path;
    ByteRange range;
    bool is(const StoredPart& part) const;
  };
  /// How many parts from the first one on are held.
  std::size_t found(std::span<const StoredPart> parts) const;
  std::vector<Part> held_;  // of those that were read last the first ones, at ascending addresses
};

/// Memory for the kept inputs of waves, bundle by bundle. The next wave of the same layout finds what is the same.
class KeptStrips {
 public:
  KeptStrips() = default;
  explicit KeptStrips(std::span<std::byte> memory) : memory_(memory) {}

  std::span<std::byte> memory() const { return memory_; }
  /// What a wave has of it.
  struct Wave {
    std::uint64_t number = 0;
    std::vector<std::uint64_t> layout;  ///< where each of its bundles lies
    std::vector<HeldParts> held;        ///< what memory holds for each
  };
  /// A wave begins, in what nobody uses or a wave before it has no use for any more.
  Wave begin(std::vector<std::uint64_t> layout);
  /// It is over. Nothing is known of memory after waves that used it side by side.
  void end(Wave wave);

 private:
  std::span<std::byte> memory_;
  std::uint64_t begun_ = 0, under_way_ = 0;
  std::uint64_t last_alone_ = 0;       // number of the last wave that had memory for itself
  std::vector<std::uint64_t> layout_;  // of the last wave
  std::vector<HeldParts> held_;
};

}  // namespace stockpot::engine
