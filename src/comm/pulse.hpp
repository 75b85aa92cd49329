// Ranks that watch over one another, so that one that was stopped or lost is noticed by the others.
//
// In this folder alone: it shows MPI's types.
#pragma once

#include <mpi.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/error.hpp"

namespace stockpot::comm {

/// Each rank shows the one before it that it lives, and watches the one after it. Constant work for each, on any number.
class Pulse {
 public:
  /// @param comm  a channel of its own.   @param hosts  by rank, for messages.
  Pulse(MPI_Comm comm, int rank, int size, std::vector<std::string> hosts)
      : comm_(comm), watcher_((rank + size - 1) % size), watched_((rank + 1) % size), hosts_(std::move(hosts)) {}

  Pulse(const Pulse&) = delete;
  Pulse& operator=(const Pulse&) = delete;
  ~Pulse();

  /// Local. To be called some times a second. @param timeout  0: none. @return what to give up with if the watched rank has been
  /// silent for so long.
  std::optional<Error> beat(std::chrono::seconds timeout);

 private:
  using Clock = std::chrono::steady_clock;
  void send(Clock::time_point now);
  bool receive();

  MPI_Comm comm_;
  int watcher_, watched_;
  std::vector<std::string> hosts_;
  MPI_Request sent_ = MPI_REQUEST_NULL;
  Clock::time_point last_sent_, last_look_, last_heard_ = Clock::now();
};

}  // namespace stockpot::comm
