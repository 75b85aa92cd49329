// Ranks that are through with their own work take over what slower ones have not begun.
//
//   idle rank ──idle──▶ rank 0 ──give h──▶ a rank that may have work ──parcel──▶ idle rank h
//        ▲                 ▲                            │
//        └─────leave───────┴──────────nothing for h─────┘
//
// Who is asked and cannot tell yet whether it is slow answers later: when it can, or when it is through.
//
// Messages that nobody waits for, but for those who have nothing else to do. Rank 0 leaves last. A rank that never failed
// always answers, also one that was asked to stop; of one that failed, the alarm tells all.
#pragma once

#include <optional>

#include "comm/communicator.hpp"
#include "engine/matchmaker.hpp"
#include "engine/own_work.hpp"

namespace stockpot::engine {

/// For one sweep; every rank of the communicator makes one.
class WorkExchange {
 public:
  /// Both must outlive it.
  WorkExchange(const comm::Communicator& comm, OwnWork& own) : comm_(comm), own_(own), matchmaker_(comm.size()) {}

  /// Main thread, some times a second while this rank works: answers others.
  void serve();
  /// Main thread, once this rank is through with its own work, and with each parcel: waits for the next one.
  /// @return nothing if there is none, for good, or a rank raised the alarm.
  std::optional<Parcel> next_parcel();

 private:
  struct Answer {
    bool leave = false;
    std::optional<Parcel> parcel;
  };
  Answer take(const comm::Mail& mail);
  /// Those to whom it can be said by now: a parcel, or nothing.
  void answer_helpers();
  void tell(const std::vector<Matchmaker::Word>& words);

  const comm::Communicator& comm_;
  OwnWork& own_;
  Matchmaker matchmaker_;       // rank 0's counts
  std::vector<int> waiting_;    // for an answer of this rank
  bool gives_nothing_ = false;  // this rank is through, or stops
};

}  // namespace stockpot::engine
