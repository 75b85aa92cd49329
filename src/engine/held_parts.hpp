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

/// The kept inputs of a wave, strip by strip. The next wave of the same layout finds what is the same.
class KeptStrips {
 public:
  KeptStrips() = default;
  explicit KeptStrips(std::span<std::byte> memory) : memory_(memory) {}

  std::span<std::byte> memory() const { return memory_; }
  /// A wave begins. @param layout  where each of its strips lies.
  void lay_out(std::vector<std::uint64_t> layout);
  /// A strip is one worker's at a time.
  HeldParts& strip(std::size_t i) { return held_[i]; }

 private:
  std::span<std::byte> memory_;
  std::vector<std::uint64_t> layout_;
  std::vector<HeldParts> held_;
};

}  // namespace stockpot::engine
