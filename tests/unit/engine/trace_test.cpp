#include "engine/trace.hpp"

#include <gmock/gmock.h>

#include "engine/run_clock.hpp"
#include "engine/strip_clock.hpp"
#include "support/fake_clock.hpp"

namespace stockpot::engine {
namespace {

using test::FakeClock;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

const PhaseClock::Span some_span{Phase::read, {}, {}};

/// Begins `strips` strips, each with `events` events.
void note(TraceLane& lane, std::uint32_t strips, int events) {
  for (std::uint32_t strip = 0; strip < strips; ++strip) {
    lane.begin({.tensor = strip, .range = {}});
    for (int e = 0; e < events; ++e) lane.add(some_span);
  }
}

Strip strip_of(std::uint32_t tensor, ElementRange range) {
  Strip strip;
  strip.tensor = tensor;
  strip.range = range;
  return strip;
}

std::vector<std::uint32_t> tensors_in(const TraceLane& lane) {
  std::vector<std::uint32_t> tensors;
  for (const auto& event : lane.events()) tensors.push_back(event.subject.tensor);
  return tensors;
}

TEST(TraceLane, KeepsAllThatFits) {
  TraceLane lane(4);
  note(lane, 2, 2);
  EXPECT_THAT(tensors_in(lane), ElementsAre(0, 0, 1, 1));
  EXPECT_EQ(lane.stride(), 1u);
}

TEST(TraceLane, KeepsEverySecondStripThenEveryFourthWholeStrips) {
  TraceLane lane(8);
  note(lane, 5, 2);  // strips 0 to 3 fill it, then 1 and 3 go
  EXPECT_THAT(tensors_in(lane), ElementsAre(0, 0, 2, 2, 4, 4));
  EXPECT_EQ(lane.stride(), 2u);
  TraceLane longer(8);
  note(longer, 14, 2);  // 0, 2, 4, 6 fill it again at strip 8: 2 and 6 go
  EXPECT_THAT(tensors_in(longer), ElementsAre(0, 0, 4, 4, 8, 8, 12, 12));
  EXPECT_EQ(longer.stride(), 4u);
}

TEST(TraceLane, NeverHoldsMoreThanItMay) {
  TraceLane lane(100);
  for (int round = 0; round < 100; ++round) {
    note(lane, 1000, 3);
    EXPECT_LE(lane.events().size(), 100u);
  }
  EXPECT_GE(lane.events().size(), 50u) << "a sample is no reason to keep next to nothing";
  TraceLane crowded(3);
  note(crowded, 1, 10);
  EXPECT_EQ(crowded.events().size(), 3u) << "a strip that does not fit is cut";
}

class TraceTest : public testing::Test {
 protected:
  TraceTest() {
    stages_.resize(2);
    stages_[0].name = "first";
    stages_[1].plan.tensors.push_back({.output = {"norm.weight", DType::f32, {8}}, .sources = {}, .base = {}});
  }
  std::string text() { return trace_text(alone_, trace_, stages_); }

  comm::Communicator alone_ = comm::Communicator::alone();
  Trace trace_{alone_, 2};
  std::vector<Stage> stages_;
};

TEST_F(TraceTest, StripsOfWorkersAreEventsWithTheirTensorAndTime) {
  StripClock clock(FakeClock::now);
  clock.show_on(trace_, 1);
  trace_.begin_stage(1);
  FakeClock::pass(5ms);
  clock.begin(strip_of(0, {4, 4}));
  FakeClock::pass(2ms);
  clock.enter(Phase::merge);
  FakeClock::pass(3ms);
  clock.enter(Phase::idle);
  const std::string shown = text();
  EXPECT_THAT(shown, HasSubstr(R"({"ph":"M","name":"thread_name","pid":0,"tid":2,"args":{"name":"worker 1"}})"));
  EXPECT_THAT(shown, HasSubstr(R"("dur":2000.000,"args":{"tensor":"norm.weight","first":4,"count":4}})"));
  EXPECT_THAT(shown, HasSubstr(R"({"ph":"X","name":"merge","pid":0,"tid":2,"ts":)"));
  EXPECT_THAT(shown, HasSubstr(R"("dur":3000.000)"));
  EXPECT_THAT(shown, Not(HasSubstr("idle")));
}

TEST_F(TraceTest, ConcludingIsOfNoStrip) {
  StripClock clock(FakeClock::now);
  clock.show_on(trace_, 0);
  trace_.begin_stage(1);
  clock.begin(strip_of(0, {}));
  FakeClock::pass(1ms);
  clock.enter(Phase::conclude);
  FakeClock::pass(7ms);
  clock.enter(Phase::idle);
  EXPECT_THAT(text(), HasSubstr(R"("dur":7000.000,"args":{}})"));
}

TEST_F(TraceTest, PhasesOfTheMainThreadAreEventsOfTheirStage) {
  RunClock clock(Phase::start, FakeClock::now);
  clock.show_on(&trace_);
  FakeClock::pass(1ms);
  clock.enter(Phase::merging);
  FakeClock::pass(4ms);
  clock.wait();
  FakeClock::pass(9ms);
  clock.resume();
  clock.show_on(nullptr);
  clock.enter(Phase::publish);
  const std::string shown = text();
  EXPECT_THAT(shown, HasSubstr(R"("args":{"name":"main"})"));
  EXPECT_THAT(shown, HasSubstr(R"("name":"merging","pid":0,"tid":0,"ts":)"));
  EXPECT_THAT(shown, HasSubstr(R"("dur":4000.000,"args":{"stage":"first"}})"));
  EXPECT_THAT(shown, HasSubstr(R"("dur":9000.000)"));
  EXPECT_THAT(shown, Not(HasSubstr("publish"))) << "nobody looked any more";
}

TEST_F(TraceTest, ThreadsOfARankShareWhatAllRanksMayKeep) {
  StripClock clock(FakeClock::now);
  clock.show_on(trace_, 0);
  trace_.begin_stage(1);
  constexpr int strips = 20'000;  // two events each; three threads may keep 33,333 each
  for (int i = 0; i < strips; ++i) {
    clock.begin(strip_of(0, {}));
    clock.enter(Phase::merge);
    clock.enter(Phase::idle);
  }
  EXPECT_LE(trace_.worker(0).events().size(), Trace::most_events / 3);
  EXPECT_THAT(text(), HasSubstr(R"("worker 0, one strip of 2")"));
}

}  // namespace
}  // namespace stockpot::engine
