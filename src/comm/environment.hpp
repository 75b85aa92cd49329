// Starts and ends MPI, and turns an escaped exception into a message and an exit code on every rank.
#pragma once

#include <functional>

#include "comm/communicator.hpp"
#include "core/error.hpp"

namespace stockpot::comm {

/// MPI from construction to destruction; main thread only. Worker threads never call MPI.
class Environment {
 public:
  /// Collective over all processes of the job. @throws Error(recipe) if MPI cannot offer MPI_THREAD_FUNNELED.
  Environment(int& argc, char**& argv);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  /// Collective. Runs `work` and returns its exit code. After an Error that all ranks share, rank 0 reports it and all
  /// ranks return its code. After an exception of this rank alone, this rank reports it and ends the whole job at once.
  int run(const std::function<int(const Communicator&)>& work, const std::function<void(const Error&)>& report);
};

}  // namespace stockpot::comm
