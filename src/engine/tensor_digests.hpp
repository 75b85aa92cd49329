// Digests of the output's tensors, collected while they are written, whoever writes what.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "comm/communicator.hpp"
#include "core/tensor.hpp"
#include "io/digest.hpp"

namespace stockpot::engine {

class TensorDigests {
 public:
  explicit TensorDigests(std::vector<TensorInfo> tensors);
  /// Local, thread safe. @param range  starts at a block and ends at a block or at the tensor's end.
  void add(std::uint32_t tensor, ElementRange range, std::span<const std::byte> bytes);
  /// The same of blocks that were digested elsewhere.
  void add(std::uint32_t tensor, const io::DigestTree& run);
  /// Collective. On rank 0 the digest of every tensor, in order; empty elsewhere. @pre together the ranks added
  /// everything.
  std::vector<io::Digest> collect(const comm::Communicator& comm) const;

 private:
  std::string pack() const;
  std::vector<TensorInfo> tensors_;
  std::vector<io::DigestTree> trees_;
  std::array<std::mutex, 64> mutexes_;  // of tensor i: i mod 64
};

}  // namespace stockpot::engine
