// What there is of an output, for people and scripts: read from any machine, without a lock and without MPI.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/output_lock.hpp"

namespace stockpot::io {

enum class OutputState {
  nothing,
  published,
  resumable,  ///< the same command line goes on
  in_use,     ///< or may be: its holder cannot be seen from here
  broken,     ///< what is there is no output of Stockpot's, or not all of one
};

struct OutputStatus {
  OutputState state = OutputState::nothing;
  std::optional<std::uint64_t> units, done_units;  ///< of what is staged, if it has a plan
  std::optional<std::string> manifest_sha256;      ///< of what is under the output's name
  std::optional<LockHolder> holder;                ///< the last one
  std::vector<std::string> notes;                  ///< sentences
  std::string next;                                ///< what to do
};

/// Local. @throws Error(usage) for a path that can be no output, Error(storage).
OutputStatus status_of(const std::string& out);

}  // namespace stockpot::io
