// Group commit: what workers have written becomes durable, then the journal says so.
//
//   workers ──unit_done──▶ pending ──every 10 s or 1 GiB──▶ fdatasync data ─▶ append records ─▶ fdatasync journal
//
// A thread of its own does the waiting, so that workers go on computing and the main thread goes on listening.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "engine/reliability.hpp"
#include "io/digest.hpp"
#include "io/journal.hpp"
#include "io/tensor_sink.hpp"

namespace stockpot::engine {

/// Where a rank's journal goes, and what it is bound to.
struct JournalPlace {
  std::string directory;
  std::string plan_digest;
  std::uint32_t attempt = 1;
  std::uint32_t rank = 0;
};

class JournalKeeper {
 public:
  /// @param sink  is flushed before its units are recorded; one that cannot be gone on with gets no unit records.
  JournalKeeper(const JournalPlace& place, io::TensorSink& sink, const ReliabilityOptions& options);
  /// Commits nothing more.
  ~JournalKeeper();
  JournalKeeper(const JournalKeeper&) = delete;
  JournalKeeper& operator=(const JournalKeeper&) = delete;

  /// Thread safe, not the main thread. All bytes of a unit were handed to the sink. While a commit's worth waits for one that is
  /// under way, it returns when that has ended: storage that is slower than the workers slows them down, and no more than two
  /// commits' worth is in memory alone.
  void unit_done(std::uint32_t unit, std::uint64_t bytes, std::span<const io::Digest> digests);
  /// Thread safe. The totals of a pass of a group.
  void pass_done(std::uint32_t group, std::uint32_t pass, std::string_view totals);
  /// Thread safe. What is recorded by few bytes.
  void add(io::JournalEntry entry);

  /// Main thread. Returns when all that was added is on storage. @param meanwhile  called about ten times a second.
  /// @throws Error of a commit, also of an earlier one.
  void flush(const std::function<void()>& meanwhile);
  /// Main thread. @throws Error of a commit that failed.
  void check();
  /// Main thread. Commits nothing more, and lets go of its files: on a network file system a directory with an open file
  /// cannot be removed. What it counted stays.
  void close();

  std::uint64_t committed_units() const;
  /// Of any kind.
  std::uint64_t committed_entries() const;
  /// Of the slowest commit so far.
  std::chrono::duration<double> slowest_commit() const;
  /// Commits that went well, and how long they took.
  struct Commits {
    std::uint64_t count = 0;
    std::chrono::duration<double> time{};
  };
  Commits commits() const;

 private:
  using Clock = std::chrono::steady_clock;
  void run();
  bool is_due() const;
  void wait_for_room();
  void commit(const std::vector<io::JournalEntry>& entries);
  void append_totals(std::string_view totals);

  io::TensorSink& sink_;
  ReliabilityOptions options_;
  std::string totals_path_;
  io::JournalWriter writer_;  // of the thread alone
  std::optional<io::PosixSink> totals_;
  std::uint64_t totals_bytes_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable to_thread_, to_main_, to_workers_;
  std::vector<io::JournalEntry> pending_;
  std::uint64_t pending_bytes_ = 0;
  Clock::time_point first_pending_;
  bool flush_wanted_ = false, committing_ = false, quit_ = false, totals_dirty_ = false;
  std::uint64_t committed_units_ = 0, committed_entries_ = 0;
  Clock::duration slowest_{};
  Commits commits_;
  std::exception_ptr failure_;
  std::thread thread_;
};

/// The record of a pass: which, and where its totals lie in the totals file of the same journal.
struct PassRecord {
  std::uint32_t pass = 0;
  std::uint64_t offset = 0, bytes = 0;
  io::Digest digest;

  std::string pack() const;
  static std::optional<PassRecord> unpack(std::string_view payload);
};

}  // namespace stockpot::engine
