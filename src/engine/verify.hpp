// Proof that an output still is what its manifest says: every digest computed anew, on any number of ranks.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "comm/communicator.hpp"
#include "engine/input_files.hpp"

namespace stockpot::engine {

struct VerifyOptions {
  std::uint32_t threads = 1;
  std::uint64_t chunk_bytes = std::uint64_t{4} << 20;
  OpenSource open = posix_source();
  bool staged = false;              ///< not published yet
  bool from_storage = false;        ///< not what the system still has in memory, as far as it lets us
  std::function<bool()> idle = {};  ///< as for Workers, while they read; empty: an alarm ends it
};

struct VerifySummary {
  std::uint64_t tensors = 0, files = 0, bytes = 0;
};

/// Collective. Reads the manifest in `out` and all tensor data, and compares.
/// @throws Error(mismatch) naming every tensor and file that differs, up to 20; Error(corrupt_input) if there is no
///         manifest or the output cannot be read. Alike on all ranks.
VerifySummary verify_output(const comm::Communicator& comm, const std::string& out, const VerifyOptions& options);

}  // namespace stockpot::engine
