// What a Communicator holds, and how it waits. In this folder alone: it shows MPI's types.
#pragma once

#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "comm/communicator.hpp"
#include "comm/mailbox.hpp"
#include "comm/pulse.hpp"
#include "core/error.hpp"

namespace stockpot::comm {

/// @throws Error(internal) if `code` is not success.
void check(int code, const char* call);

struct Communicator::State {
  static constexpr int failure_tag = 0;                         // of alarms; above it: levels of stopping
  static constexpr auto extra_grace = std::chrono::seconds(5);  // for others than the rank that speaks for all

  MPI_Comm comm = MPI_COMM_NULL;    // null: this process alone, no MPI
  MPI_Comm alarms = MPI_COMM_NULL;  // its own channel, so that an alarm meets no collective
  MPI_Comm pulses = MPI_COMM_NULL;
  MPI_Comm messages = MPI_COMM_NULL;
  std::uint64_t collectives = 0;
  bool failing_together = false;
  bool ends_by_abort = false;
  int stop_level = 0;
  std::optional<std::chrono::steady_clock::time_point> alarmed_at;
  std::optional<Error> failure;  // while this rank waits for others, who have to hear of it or to save what they have
  std::chrono::steady_clock::time_point failed_at;
  std::vector<MPI_Request> sent_alarms;
  std::optional<Pulse> pulse;
  std::optional<Mailbox> mailbox;
  Patience patience;
  std::function<void(bool)> on_wait;

  bool alone() const { return comm == MPI_COMM_NULL; }
  void count() { ++collectives; }

  /// Begins a call and waits for its end. Meanwhile the processor is others', and this rank goes on living.
  template <class Begin>
  void run(const char* call, const Begin& begin) {
    MPI_Request request = MPI_REQUEST_NULL;
    check(begin(&request), call);
    wait_for(request, call);
  }
  void wait_for(MPI_Request& request, const char* call);
  std::optional<Mail> await_mail();
  /// Waits until `done` says so; it is asked about a thousand times a second, more often at first.
  template <class Done>
  void wait_until(const Done& done);

  /// While it waits: stays in touch, and does not wait for ever for those who do not come.
  void look_around();

  /// While it waits or works: hears alarms, shows that it lives, and ends the job when there was time enough after a failure.
  void stay_in_touch();

  /// Communicator::give_up().
  [[noreturn]] void give_up(const Error& error) const;

  /// What every rank of `group` has, by rank. All of it together stays below what MPI counts.
  std::vector<std::uint64_t> all_sizes(MPI_Comm group, int ranks, std::uint64_t mine);
  std::vector<std::string> all_parts(MPI_Comm group, const std::vector<std::uint64_t>& sizes, std::string_view mine);

  void hear_alarms();

  void tell_others(int tag, int rank, int size);
};

}  // namespace stockpot::comm
