// Checksums of a tensor's bytes, put together from runs that came in any order, from any rank.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/range.hpp"

namespace stockpot::io {

/// A run of bytes of one tensor.
struct TensorRun {
  std::uint32_t tensor = 0;
  ByteRange bytes;  ///< from the tensor's first
};

class RunChecksums {
 public:
  explicit RunChecksums(std::size_t tensors) : runs_(tensors) {}

  /// Thread safe. Runs that touch become one. What overlapped before is forgotten: it is no longer what is there.
  void add(TensorRun run, std::uint32_t crc32);

  std::string pack() const;
  /// Adds what another one packed.
  void add_packed(std::string_view packed);

  /// Of the whole tensor; nothing unless its runs cover it. @param bytes  how many it has
  std::optional<std::uint32_t> whole(std::uint32_t tensor, std::uint64_t bytes) const;
  /// Appends what no run covers, in pieces of up to `most` bytes.
  void add_gaps(std::uint32_t tensor, std::uint64_t bytes, std::uint64_t most, std::vector<TensorRun>& gaps) const;

 private:
  struct Run {
    std::uint64_t bytes = 0;
    std::uint32_t crc = 0;
  };
  using Runs = std::map<std::uint64_t, Run>;  // by first byte; apart from each other

  std::vector<Runs> runs_;
  std::array<std::mutex, 64> mutexes_;  // of tensor i: i mod 64
};

}  // namespace stockpot::io
