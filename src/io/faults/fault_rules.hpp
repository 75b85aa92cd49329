// What STOCKPOT_FAULT says, and which call it hits. See faulty_calls.hpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace stockpot::io::faults {

enum class Effect { fail, half, few, end_of_file, flip, lost, stop, lag, slow, hang, kill_before, kill_after };

struct Fault {
  Effect effect = Effect::fail;
  int error_number = 0;  ///< of Effect::fail
};

/// One call on its way to the system.
struct Call {
  std::string_view name;
  std::string_view path;
  bool changes = true;  ///< something on disk
  bool direct = false;  ///< past the page cache
};

class FaultRules {
 public:
  /// @param rank  of this process.   @throws Error(usage) for text that is no rule.
  FaultRules(std::string_view text, int rank);

  /// Thread safe. Counts the call. @return what is to happen to it, if anything.
  std::optional<Fault> hit(const Call& call);
  /// File of trace=FILE; empty: none.
  const std::string& trace_file() const { return trace_file_; }
  /// Bytes per second of rate=SIZE; 0: no limit.
  std::uint64_t rate() const { return rate_; }

 private:
  struct Rule {
    std::string call, path;
    std::uint64_t first = 1, times = 1;
    bool for_this_rank = true;
    Fault fault;
    std::atomic<std::uint64_t> seen = 0;
  };
  void read_rule(std::string_view text, int rank);
  std::deque<Rule> rules_;  // atomics do not move
  std::string trace_file_;
  std::uint64_t rate_ = 0;
};

}  // namespace stockpot::io::faults
