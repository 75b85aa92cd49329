#include "engine/phase_clock.hpp"

#include <gmock/gmock.h>

#include <set>

#include "engine/run_clock.hpp"
#include "engine/strip_clock.hpp"
#include "support/fake_clock.hpp"

namespace stockpot::engine {
namespace {

using test::FakeClock;
using namespace std::chrono_literals;

TEST(PhaseClock, PhasesAddUpToTheTimeThatPassed) {
  PhaseClock clock(Phase::idle, FakeClock::now);
  FakeClock::pass(1ms);
  clock.enter(Phase::read);
  FakeClock::pass(20ms);
  clock.enter(Phase::merge);
  FakeClock::pass(300ms);
  clock.enter(Phase::read);
  FakeClock::pass(4000ms);
  const PhaseTimes times = clock.take();
  EXPECT_EQ(times[Phase::idle], 1ms);
  EXPECT_EQ(times[Phase::read], 4020ms) << "the phase under way counts, too";
  EXPECT_EQ(times[Phase::merge], 300ms);
  EXPECT_EQ(times[Phase::write], 0ms);
  EXPECT_EQ(times.total(), 4321ms);
}

TEST(PhaseClock, EnteringAPhaseEndsTheOneBefore) {
  PhaseClock clock(Phase::idle, FakeClock::now);
  const auto begin = FakeClock::now();
  FakeClock::pass(7ms);
  const PhaseClock::Span ended = clock.enter(Phase::read);
  EXPECT_EQ(ended.phase, Phase::idle);
  EXPECT_EQ(ended.begin, begin);
  EXPECT_EQ(ended.end, begin + 7ms);
  EXPECT_EQ(clock.phase(), Phase::read);
}

TEST(PhaseClock, TakingBeginsAnew) {
  PhaseClock clock(Phase::plan, FakeClock::now);
  FakeClock::pass(5ms);
  EXPECT_EQ(clock.take()[Phase::plan], 5ms);
  FakeClock::pass(2ms);
  const PhaseTimes rest = clock.take();
  EXPECT_EQ(rest[Phase::plan], 2ms);
  EXPECT_EQ(rest.total(), 2ms);
}

TEST(PhaseTimes, OfSeveralThreadsAddUp) {
  PhaseTimes one, other;
  one[Phase::read] = 1s;
  other[Phase::read] = 250ms;
  other[Phase::write] = 2s;
  one += other;
  EXPECT_EQ(one[Phase::read], 1250ms);
  EXPECT_DOUBLE_EQ(one.seconds(Phase::read), 1.25);
  EXPECT_EQ(one.total(), 3250ms);
}

TEST(Phases, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const Phase phase : all_phases()) names.insert(name(phase));
  EXPECT_EQ(names.size(), num_phases);
  EXPECT_FALSE(names.contains(""));
  EXPECT_EQ(name(Phase::start), "start");
  EXPECT_EQ(name(Phase::waiting), "waiting");
  EXPECT_EQ(name(Phase::write), "write");
  EXPECT_FALSE(is_of_workers(Phase::waiting));
  EXPECT_TRUE(is_of_workers(Phase::idle));
}

TEST(RunClock, WaitingIsNotThePhaseAroundIt) {
  RunClock clock(Phase::start, FakeClock::now);
  clock.enter(Phase::merging);
  FakeClock::pass(10ms);
  clock.wait();
  FakeClock::pass(90ms);
  clock.resume();
  FakeClock::pass(1ms);
  const PhaseTimes times = clock.take();
  EXPECT_EQ(times[Phase::merging], 11ms);
  EXPECT_EQ(times[Phase::waiting], 90ms);
  EXPECT_EQ(times.total(), 101ms);
}

TEST(StripClock, BeginsByReading) {
  StripClock clock(FakeClock::now);
  FakeClock::pass(3ms);
  clock.begin({});
  FakeClock::pass(8ms);
  clock.enter(Phase::idle);
  const PhaseTimes times = clock.take();
  EXPECT_EQ(times[Phase::idle], 3ms);
  EXPECT_EQ(times[Phase::read], 8ms);
}

}  // namespace
}  // namespace stockpot::engine
