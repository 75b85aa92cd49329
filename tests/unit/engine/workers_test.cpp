#include "engine/workers.hpp"

#include <gmock/gmock.h>

#include <stdexcept>

namespace stockpot::engine {
namespace {

bool carry_on() { return true; }

TEST(Workers, RunEveryTaskOnce) {
  for (const std::size_t threads : {1u, 3u}) {
    Workers workers(threads, carry_on);
    std::vector<std::atomic<int>> done(1000);
    EXPECT_TRUE(workers.run(done.size(), [&](std::size_t w, std::size_t i) {
      EXPECT_LT(w, threads);
      ++done[i];
    }));
    for (const auto& d : done) EXPECT_EQ(d, 1);
  }
}

TEST(Workers, AreThereForTheNextRunAfterAnEmptyOne) {
  Workers workers(2, carry_on);
  EXPECT_TRUE(workers.run(0, [](std::size_t, std::size_t) { FAIL(); }));
  std::atomic<int> tasks = 0;
  workers.run(5, [&](std::size_t, std::size_t) { ++tasks; });
  EXPECT_EQ(tasks, 5);
}

TEST(Workers, StopAtTheFirstExceptionAndPassItOn) {
  Workers workers(2, carry_on);
  std::atomic<int> started = 0;
  const auto failing = [&](std::size_t, std::size_t i) {
    ++started;
    if (i == 3) throw std::runtime_error("three");
  };
  EXPECT_THROW(workers.run(1'000'000, failing), std::runtime_error);
  EXPECT_LT(started, 1'000'000);
  EXPECT_TRUE(workers.run(1, [](std::size_t, std::size_t) {})) << "a failed run leaves nothing behind";
}

TEST(Workers, StopWhenTheMainThreadIsToldTo) {
  Workers workers(2, [] { return false; });
  std::atomic<int> started = 0;
  EXPECT_FALSE(workers.run(1'000'000, [&](std::size_t, std::size_t) {
    ++started;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }));
  EXPECT_LT(started, 1'000'000);
}

TEST(Workers, AreIdleOnTheirClocksButForTheirTasks) {
  const auto begin = PhaseClock::Clock::now();
  Workers workers(2, carry_on);
  workers.run(6, [&](std::size_t w, std::size_t) {
    workers.clock(w).enter(Phase::merge);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  });
  const PhaseTimes times = workers.take_times();
  const auto passed = PhaseClock::Clock::now() - begin;
  EXPECT_GE(times[Phase::merge], std::chrono::milliseconds(6 * 2));
  EXPECT_EQ(times[Phase::merge] + times[Phase::idle], times.total());
  EXPECT_LE(times.total(), 2 * passed);
  workers.run(0, [](std::size_t, std::size_t) {});
  EXPECT_EQ(workers.take_times()[Phase::merge], PhaseTimes::Duration{}) << "they begin anew";
}

TEST(Workers, OfAFailedTaskAreIdleAgain) {
  Workers workers(1, carry_on);
  const auto failing = [&](std::size_t w, std::size_t) {
    workers.clock(w).enter(Phase::merge);
    throw std::runtime_error("no");
  };
  EXPECT_THROW(workers.run(1, failing), std::runtime_error);
  workers.take_times();
  EXPECT_EQ(workers.take_times()[Phase::merge], PhaseTimes::Duration{});
}

TEST(Workers, ClosuresRunOnTheMainThreadAndTheirExceptionsComeBack) {
  Workers workers(3, carry_on);
  const auto main_thread = std::this_thread::get_id();
  std::atomic<int> caught = 0;
  workers.run(50, [&](std::size_t, std::size_t i) {
    try {
      workers.on_main([&] {
        EXPECT_EQ(std::this_thread::get_id(), main_thread);
        if (i % 10 == 0) throw std::runtime_error("ten");
      });
    } catch (const std::runtime_error&) {
      ++caught;
    }
  });
  EXPECT_EQ(caught, 5);
}

}  // namespace
}  // namespace stockpot::engine
