// What a rank begins itself, and what it gives away.
#include "engine/own_work.hpp"

#include <gmock/gmock.h>

#include <numeric>

#include "unit/plan/planned.hpp"

namespace stockpot::engine {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::size_t tensors = 40;

/// Of one rank, whose `method` has a unit for each of 40 tensors of 128 KiB: direct, or in waves of four.
struct Dealt {
  explicit Dealt(const std::string& method)
      : plan(plan::test::planned("merge_method: " + method +
                                     "\nmodels:\n  - model: b\n  - model: c\nbase_model: a\n"
                                     "parameters: {weight: 1, density: 0.5}\n",
                                 models())) {
    options.memory_per_rank = std::uint64_t{1} << 30;
    schedule = make_schedule(plan, options);
    work = work_of(plan, schedule, 0);
    if (work.local.empty()) return;
    const plan::Wave all = work.local.front();
    work.local.clear();
    for (std::size_t u = 0; u < tensors; u += 4) {
      work.local.push_back(
          {{all.groups.begin() + static_cast<std::ptrdiff_t>(u),
            all.groups.begin() + static_cast<std::ptrdiff_t>(u) + 4},
           {all.units.begin() + static_cast<std::ptrdiff_t>(u), all.units.begin() + static_cast<std::ptrdiff_t>(u) + 4},
           4});
    }
  }

  static std::vector<Catalogue> models() {
    std::vector<TensorInfo> infos;
    for (std::size_t t = 0; t < tensors; ++t)
      infos.push_back({"t" + std::to_string(100 + t), DType::bf16, {block_elements}});
    auto made = plan::test::alike(3, infos);
    std::rotate(made.begin(), made.begin() + 1, made.end());
    return made;
  }

  plan::MergePlan plan;
  plan::ScheduleOptions options;
  plan::Schedule schedule;
  plan::RankWork work;
};

OwnWork::Clock::time_point after(milliseconds time) { return OwnWork::Clock::now() + time; }

TEST(OwnWork, GivesTheLastQuarterOfDirectUnitsInTheirOrder) {
  const Dealt dealt("task_arithmetic");
  ASSERT_THAT(dealt.work.direct, SizeIs(tensors));
  OwnWork own(dealt.plan, dealt.schedule, dealt.work);
  const auto parcel = own.give(after(milliseconds(1100)));
  ASSERT_TRUE(parcel);
  EXPECT_THAT(parcel->waves, IsEmpty());
  EXPECT_EQ(parcel->direct, std::vector<std::uint32_t>(dealt.work.direct.end() - 10, dealt.work.direct.end()));
  EXPECT_TRUE(own.may_begin(29));
  EXPECT_FALSE(own.may_begin(30)) << "was given away";
}

TEST(OwnWork, GivesNothingThatHasBegun) {
  const Dealt dealt("task_arithmetic");
  OwnWork own(dealt.plan, dealt.schedule, dealt.work);
  EXPECT_TRUE(own.may_begin(37));
  const auto parcel = own.give(after(std::chrono::hours(1)));
  ASSERT_TRUE(parcel);
  EXPECT_THAT(parcel->direct, ElementsAre(dealt.work.direct[39]));
  EXPECT_TRUE(own.may_begin(38));
  EXPECT_TRUE(own.is_through());
  EXPECT_FALSE(own.give(after(std::chrono::hours(1))));
}

TEST(OwnWork, GivesNothingBeforeItIsKnownToBeSlow) {
  const Dealt dealt("task_arithmetic");
  OwnWork own(dealt.plan, dealt.schedule, dealt.work);
  EXPECT_FALSE(own.give(after(milliseconds(100)))) << "nothing has ended yet, but it has hardly begun";
  EXPECT_TRUE(own.may_begin(20));
  EXPECT_FALSE(own.give(after(milliseconds(500)))) << "half of it took half a second, so will the other half";
  EXPECT_TRUE(own.give(after(milliseconds(3000))));
  EXPECT_FALSE(own.is_through());
}

TEST(OwnWork, GivesWholeWavesFromTheBack) {
  const Dealt dealt("ties");
  ASSERT_THAT(dealt.work.local, SizeIs(10));
  OwnWork own(dealt.plan, dealt.schedule, dealt.work);
  EXPECT_EQ(own.take_wave(), &dealt.work.local[0]);
  EXPECT_EQ(own.coming_wave(), &dealt.work.local[1]);
  const auto parcel = own.give(after(milliseconds(1100)));
  ASSERT_TRUE(parcel);
  ASSERT_THAT(parcel->waves, SizeIs(3)) << "a quarter of nine, and never less";
  EXPECT_EQ(parcel->waves[0].units, dealt.work.local[7].units);
  EXPECT_EQ(parcel->waves[2].groups, dealt.work.local[9].groups);
  std::size_t taken = 1;
  while (own.take_wave() != nullptr) ++taken;
  EXPECT_EQ(taken, 7u);
  EXPECT_EQ(own.coming_wave(), nullptr);
}

TEST(OwnWork, TellsItsSpeedFromWavesThatAreOver) {
  const Dealt dealt("ties");
  OwnWork own(dealt.plan, dealt.schedule, dealt.work);
  for (int taken = 0; taken < 8; ++taken) own.take_wave();
  EXPECT_EQ(own.waves_left(), 2u);
  for (int over = 0; over < 7; ++over) own.wave_is_over();
  EXPECT_FALSE(own.give(after(milliseconds(2000)))) << "two waves take 4/7 of a second";
  OwnWork slow(dealt.plan, dealt.schedule, dealt.work);
  for (int taken = 0; taken < 8; ++taken) slow.take_wave();
  slow.wave_is_over();
  EXPECT_TRUE(slow.give(after(milliseconds(2000)))) << "that one was all that two seconds made";
}

TEST(OwnWork, OfNothingIsThroughAtOnce) {
  const Dealt dealt("ties");
  const plan::RankWork none;
  OwnWork own(dealt.plan, dealt.schedule, none);
  EXPECT_TRUE(own.is_through());
  EXPECT_EQ(own.take_wave(), nullptr);
  EXPECT_FALSE(own.give(after(std::chrono::hours(1))));
}

}  // namespace
}  // namespace stockpot::engine
