// Short messages from one rank to another, that neither waits for.
//
// In this folder alone: it shows MPI's types.
#pragma once

#include <mpi.h>

#include <list>
#include <optional>
#include <string>
#include <string_view>

#include "comm/communicator.hpp"

namespace stockpot::comm {

class Mailbox {
 public:
  /// @param comm  a channel of its own.
  explicit Mailbox(MPI_Comm comm) : comm_(comm) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox();

  void post(int to, std::string_view bytes);
  std::optional<Mail> collect();

 private:
  struct Sent {
    MPI_Request request = MPI_REQUEST_NULL;
    std::string bytes;
  };
  void forget_delivered();

  MPI_Comm comm_;
  std::list<Sent> sent_;  // at addresses that stay: MPI reads the bytes until a message is delivered
};

}  // namespace stockpot::comm
