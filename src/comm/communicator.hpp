// An owned MPI communicator with typed collectives. Communication of the whole program goes through here.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stockpot {
class Error;
}

namespace stockpot::comm {

/// How long a rank waits for others, and what it does meanwhile.
struct Patience {
  /// After an alarm, for those who do not come to the agreement; after that, for those who save what they have.
  std::chrono::seconds abort_grace{30};
  /// For a sign of life of a rank; 0: for ever.
  std::chrono::seconds stall_timeout{0};
  /// About ten times a second while a collective waits. Throws nothing, communicates nothing.
  std::function<void()> while_waiting = {};
  /// Reports the error and ends the whole job at once; does not return. Empty: as it was.
  std::function<void(const Error&)> give_up = {};
};

/// What one rank wrote to another.
struct Mail {
  int from = 0;
  std::string bytes;
};

/// A group of ranks. Made from the world (environment.hpp) or by duplicating another.
/// Collectives must be called by all ranks, in the same order, from the main thread. Counts are 64 bit; large transfers
/// are cut so that no count ever meets the limits of an int.
class Communicator {
 public:
  /// A communicator of this process alone, without MPI: for commands that run outside a launcher, and for tests.
  static Communicator alone();
  /// Collective. A duplicate of MPI_COMM_WORLD. @pre MPI runs.
  static Communicator world();

  Communicator(Communicator&&) noexcept;
  Communicator& operator=(Communicator&&) noexcept;
  ~Communicator();

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_root() const { return rank_ == 0; }

  /// Collective. The root's bytes, on every rank.
  std::string broadcast(std::string bytes, int root = 0) const;
  /// Collective. Every rank's bytes, by rank, on every rank.
  std::vector<std::string> all_gather(std::string_view bytes) const;
  /// Collective. Every rank's bytes, by rank, on rank 0; empty elsewhere.
  std::vector<std::string> gather(std::string_view bytes) const;
  /// Collective. Integer sums, in place: exact in any order.
  void all_sum(std::span<std::uint64_t> values) const;
  /// Collective.
  std::uint64_t max(std::uint64_t value) const;
  std::uint64_t min(std::uint64_t value) const;
  void barrier() const;
  /// Collective. Bytes of every rank of this communicator on this machine, this one among them, by rank.
  std::vector<std::string> all_gather_on_this_machine(std::string_view bytes) const;

  /// Collectives called so far, for the report: they must stay O(stages).
  std::uint64_t collectives() const;
  /// Local. From now on `wait` hears when a collective begins to wait for other ranks (true) and when it need not any more
  /// (false); a collective that ends at once says nothing. It throws nothing and communicates nothing. Empty: nobody listens.
  void on_wait(std::function<void(bool begins)> wait) const;

  /// Local. Tells the other ranks that this one failed, without waiting for anyone. They hear of it in alarmed().
  void raise_alarm() const;
  /// Local. True once some rank raised the alarm. Cheap; call it from the main thread while workers work, some times a
  /// second: it also shows others that this rank lives.
  bool alarmed() const;

  /// Local. Tells the other ranks that somebody wants the job to stop, and how fast. @param level  above 0; the largest counts.
  void raise_stop(int level) const;
  /// Local. The largest level that any rank raised; 0: none. Cheap.
  int stop_level() const;

  /// Local. Sends a few hundred bytes, to any rank, without waiting for anyone. What one rank posts to another arrives in that
  /// order.
  void post(int to, std::string_view bytes) const;
  /// Local. What has arrived, if anything has. Cheap.
  std::optional<Mail> collect() const;
  /// Local. Waits for mail as a collective waits for other ranks. @return nothing if a rank raised the alarm.
  std::optional<Mail> await_mail() const;

  /// Collective. From now on ranks watch over one another.
  void be_patient(Patience patience) const;
  /// Local. Reports the error and ends the whole job at once, without waiting for anyone. After failed_here() it ends with that
  /// failure, which came first, and says the error as well.
  [[noreturn]] void give_up(const Error& error) const;
  /// Local. Why the job ends as soon as all ranks have come to the next collective, or have not for the grace; nullptr: they have.
  /// Whoever does something before that collective calls alarmed() meanwhile, and is ended likewise.
  void failed_here(const Error* failure) const;

  /// Local. Remembers that all ranks fail together now: whoever unwinds need not fear that a peer waits for it.
  void fail_together() const;
  bool failing_together() const;
  /// Local, any rank, while an error is on its way: the job must not end by MPI_Finalize, where a library would wait for ever
  /// for a file that could not be closed.
  void end_by_abort() const;
  bool ends_by_abort() const;

  /// Local. The handle, for the two parallel files of io/: a pointer to an MPI_Comm, so that this header needs no
  /// MPI; nullptr for alone().
  const void* native() const;

 private:
  struct State;
  explicit Communicator(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace stockpot::comm
