#include "engine/phase_clock.hpp"

#include <numeric>
#include <utility>

namespace stockpot::engine {

std::string_view name(Phase phase) {
  constexpr std::array<std::string_view, num_phases> names{
      "start",   "plan", "open", "prepare", "merging",  "finish", "record", "verify", "publish",
      "waiting", "idle", "read", "observe", "conclude", "merge",  "digest", "write"};
  return names[static_cast<std::size_t>(phase)];
}

std::array<Phase, num_phases> all_phases() {
  std::array<Phase, num_phases> all{};
  for (std::size_t p = 0; p < num_phases; ++p) all[p] = static_cast<Phase>(p);
  return all;
}

PhaseTimes& PhaseTimes::operator+=(const PhaseTimes& other) {
  for (std::size_t p = 0; p < num_phases; ++p) times_[p] += other.times_[p];
  return *this;
}

PhaseTimes::Duration PhaseTimes::total() const { return std::accumulate(times_.begin(), times_.end(), Duration{}); }

PhaseClock::Span PhaseClock::enter(Phase next) {
  const Span ended{std::exchange(phase_, next), since_, now_()};
  times_[ended.phase] += ended.end - ended.begin;
  since_ = ended.end;
  return ended;
}

PhaseTimes PhaseClock::take() {
  enter(phase_);
  return std::exchange(times_, {});
}

}  // namespace stockpot::engine
