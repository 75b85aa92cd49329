// What memory holds of input files, so that merges that are made together read the same bytes once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/strip_io.hpp"

namespace stockpot::engine {

/// The parts of one strip, in memory that is used again and again.
class HeldParts {
 public:
  /// Reads all sources' bytes of a range, but for those that lie where they are wanted already. @return bytes read.
  std::uint64_t read(const TensorSources& sources, ElementRange range, const StoredParts& parts);
  /// Whether read() would find all of that in memory.
  bool holds(const TensorSources& sources, ElementRange range, const StoredParts& parts) const;

 private:
  struct Part {
    const std::byte* memory = nullptr;
    StoredPlace place;
    bool operator==(const Part&) const = default;
  };
  bool holds(const TensorSources& sources, ElementRange range, const StoredParts& parts, std::size_t source) const;
  std::vector<Part> held_;  // of the first sources of the strip that was read last, at ascending addresses
};

/// Memory for the kept inputs of waves, strip by strip. The next wave of the same layout finds what is the same.
class KeptStrips {
 public:
  KeptStrips() = default;
  explicit KeptStrips(std::span<std::byte> memory) : memory_(memory) {}

  std::span<std::byte> memory() const { return memory_; }
  /// What a wave has of it.
  struct Wave {
    std::uint64_t number = 0;
    std::vector<std::uint64_t> layout;  ///< where each of its strips lies
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
