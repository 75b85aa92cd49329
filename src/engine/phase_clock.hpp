// Where a thread's time goes: it is in exactly one phase at any moment, so that its phases add up to its time.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace stockpot::engine {

enum class Phase : std::uint8_t {
  // Of the main thread, in this order; `waiting` in between.
  start,    ///< MPI, the command line, the recipe
  plan,     ///< headers, plan, schedule
  open,     ///< the lock, what earlier attempts left
  prepare,  ///< output files and their space, buffers
  merging,  ///< workers work
  finish,   ///< the journal's last commit, syncing and closing files
  record,   ///< digests, manifest, run record
  verify,   ///< --verify: the output is read back
  publish,  ///< renames
  waiting,  ///< for other ranks, whatever the phase around it
  // Of worker threads, while the main thread is in `merging`.
  idle,      ///< nothing to do: others of this rank, or other ranks, are not done yet
  read,      ///< input bytes into memory
  observe,   ///< decoding, and a pass of a method's statistics
  conclude,  ///< a method makes something of its totals
  merge,     ///< decoding, merging, encoding
  digest,    ///< of the encoded bytes
  write,     ///< encoded bytes into files
};

inline constexpr std::size_t num_phases = static_cast<std::size_t>(Phase::write) + 1;

/// As the run record and traces call it.
std::string_view name(Phase phase);
/// In their order.
std::array<Phase, num_phases> all_phases();
constexpr bool is_of_workers(Phase phase) { return phase >= Phase::idle; }

/// Time in each phase.
class PhaseTimes {
 public:
  using Duration = std::chrono::steady_clock::duration;
  Duration& operator[](Phase phase) { return times_[static_cast<std::size_t>(phase)]; }
  Duration operator[](Phase phase) const { return times_[static_cast<std::size_t>(phase)]; }
  PhaseTimes& operator+=(const PhaseTimes& other);
  double seconds(Phase phase) const { return std::chrono::duration<double>((*this)[phase]).count(); }
  Duration total() const;

 private:
  std::array<Duration, num_phases> times_{};
};

/// The clock of one thread, and of that thread alone. A look at the system's clock for each change of phase, no lock.
class PhaseClock {
 public:
  using Clock = std::chrono::steady_clock;
  using Now = Clock::time_point (*)();
  /// A phase from its begin to its end.
  struct Span {
    Phase phase;
    Clock::time_point begin, end;
  };

  /// @param now  tests put one here that stands still until it is moved.
  explicit PhaseClock(Phase first, Now now = &Clock::now) : now_(now), phase_(first), since_(now()) {}

  Phase phase() const { return phase_; }
  /// Ends the phase that is under way. @return it, since it was entered or take() was called.
  Span enter(Phase next);
  /// Times since the last call, or since the beginning. The phase that is under way counts so far, and goes on.
  PhaseTimes take();

 private:
  Now now_;
  Phase phase_;
  Clock::time_point since_;
  PhaseTimes times_;
};

}  // namespace stockpot::engine
