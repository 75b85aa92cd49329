#include "comm/communicator.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <numeric>
#include <thread>

#include "comm/agree.hpp"
#include "support/world.hpp"

namespace stockpot::comm {
namespace {

using test::world;
using testing::HasSubstr;

TEST(Communicator, BroadcastGivesEveryRankTheBytesOfTheRoot) {
  const int root = world().size() - 1;
  const std::string text = world().broadcast(world().rank() == root ? std::string("a\0b", 3) : "other", root);
  EXPECT_EQ(text, std::string("a\0b", 3));
}

TEST(Communicator, BytesBeyondOnePieceArriveWhole) {
  constexpr std::size_t size = (std::size_t{64} << 20) + 3;  // one more than a piece of the implementation
  const std::string text = world().broadcast(world().is_root() ? std::string(size, 'x') : "");
  EXPECT_EQ(text.size(), size);
  EXPECT_EQ(text.find_first_not_of('x'), std::string::npos);
}

TEST(Communicator, AllGatherKeepsRanksInOrderAlsoWhereSomeHaveNothing) {
  const auto mine = world().rank() % 2 == 0 ? std::string(static_cast<std::size_t>(world().rank()) + 1, 'r') : "";
  const auto parts = world().all_gather(mine);
  ASSERT_EQ(parts.size(), static_cast<std::size_t>(world().size()));
  for (std::size_t r = 0; r < parts.size(); ++r) EXPECT_EQ(parts[r].size(), r % 2 == 0 ? r + 1 : 0);
}

TEST(Communicator, RanksOfThisMachineAreAllOfThemHere) {
  const auto mine = std::string(static_cast<std::size_t>(world().rank()), 'r');
  EXPECT_EQ(world().all_gather_on_this_machine(mine), world().all_gather(mine));
}

TEST(Communicator, GatherBringsEveryPartToRankZeroOnly) {
  const auto parts = world().gather("from " + std::to_string(world().rank()));
  EXPECT_EQ(parts.size(), world().is_root() ? static_cast<std::size_t>(world().size()) : 0u);
  for (std::size_t r = 0; r < parts.size(); ++r) EXPECT_EQ(parts[r], "from " + std::to_string(r));
}

TEST(Communicator, SumsOfIntegersAreExactAboveThe53BitsOfADouble) {
  std::vector<std::uint64_t> values{(std::uint64_t{1} << 60) + 1, static_cast<std::uint64_t>(world().rank())};
  world().all_sum(values);
  const auto ranks = static_cast<std::uint64_t>(world().size());
  EXPECT_EQ(values[0], ranks * ((std::uint64_t{1} << 60) + 1));
  EXPECT_EQ(values[1], ranks * (ranks - 1) / 2);
}

TEST(Agree, TheLowestFailingRanksErrorIsThrownOnEveryRank) {
  const int failing = world().size() / 2;
  try {
    agree(world(), [&] {
      if (world().rank() >= failing) {
        throw Error(ErrorKind::storage, "rank " + std::to_string(world().rank()) + " failed")
            .in_file("/a\nb")
            .hint("h");
      }
    });
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::storage);
    EXPECT_THAT(error.what(), HasSubstr("rank " + std::to_string(failing) + " failed"));
    EXPECT_THAT(error.what(), HasSubstr("/a\\x0ab"));
  }
  EXPECT_TRUE(world().failing_together());
}

TEST(Agree, ReturnsEachRanksOwnResultWhenNobodyFails) {
  EXPECT_EQ(agree(world(), [] { return world().rank() + 1; }), world().rank() + 1);
}

TEST(Alarm, ReachesRanksThatAreBusyWithoutACollective) {
  const Communicator channel = Communicator::world();
  const bool raises = channel.rank() == channel.size() - 1;
  if (raises) channel.raise_alarm();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!channel.alarmed() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_TRUE(channel.alarmed());
  channel.barrier();
}

TEST(Stop, TheHighestLevelReachesRanksThatWaitInACollective) {
  const Communicator channel = Communicator::world();
  const bool raises = channel.rank() == channel.size() - 1;
  if (raises) {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    channel.raise_stop(1);
    channel.raise_stop(2);
  }
  channel.barrier();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (channel.stop_level() < 2 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(channel.stop_level(), 2);
  EXPECT_FALSE(channel.alarmed());
  channel.barrier();
}

TEST(Patience, ARankThatWaitsLooksAroundMeanwhile) {
  const Communicator channel = Communicator::world();
  int looks = 0;
  channel.be_patient({.stall_timeout = std::chrono::seconds(60), .while_waiting = [&] { ++looks; }});
  // Rank 0 comes late: by how much it must be, for the others to be there before, a busy machine decides.
  for (auto late = std::chrono::milliseconds(500); late < std::chrono::seconds(20); late *= 2) {
    if (channel.rank() == 0) std::this_thread::sleep_for(late);
    channel.barrier();
    if (channel.min(looks > 0 || channel.rank() == 0 ? 1 : 0) == 1) break;
  }
  EXPECT_TRUE(looks > 0 || channel.rank() == 0);
}

TEST(Patience, AFailureThatIsKnownEndsTheJobAfterTheGrace) {
  const Communicator alone = Communicator::alone();
  alone.be_patient({.abort_grace = std::chrono::seconds(0), .give_up = [](const Error& error) { throw error; }});
  const Error first(ErrorKind::numeric, "the first");
  EXPECT_FALSE(alone.alarmed());
  alone.failed_here(&first);
  try {
    alone.alarmed();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), first.what());
  }
  alone.failed_here(nullptr);
  EXPECT_FALSE(alone.alarmed());
}

TEST(Patience, WhatHangsAfterAFailureIsSaidWithIt) {
  const Communicator alone = Communicator::alone();
  alone.be_patient({.give_up = [](const Error& error) { throw error; }});
  const Error first(ErrorKind::numeric, "the first");
  alone.failed_here(&first);
  try {
    alone.give_up(Error(ErrorKind::storage, "the second").in_file("f"));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::numeric);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("the first"), HasSubstr("the second, file f")));
  }
}

TEST(Mail, ArrivesFromEveryRankInTheOrderInWhichEachPostedIt) {
  const Communicator channel = Communicator::world();
  constexpr int letters = 50;
  for (int i = 0; i < letters; ++i) {
    for (int r = 0; r < channel.size(); ++r) channel.post(r, std::string(static_cast<std::size_t>(i * 100), 'x'));
  }
  std::vector<std::size_t> received(static_cast<std::size_t>(channel.size()), 0);
  for (int i = 0; i < letters * channel.size(); ++i) {
    const auto mail = channel.await_mail();
    ASSERT_TRUE(mail);
    EXPECT_EQ(mail->bytes.size(), 100 * received[static_cast<std::size_t>(mail->from)]++);
  }
  EXPECT_FALSE(channel.collect());
  channel.barrier();
}

TEST(Mail, NobodyWaitsForItOnceAnAlarmWasRaised) {
  const Communicator channel = Communicator::world();
  if (channel.size() == 1) GTEST_SKIP() << "nobody hears the alarm of a rank alone";
  if (channel.rank() == channel.size() - 1) channel.raise_alarm();
  EXPECT_FALSE(channel.await_mail());
  channel.barrier();
}

TEST(Communicator, CountsItsCollectives) {
  const auto before = world().collectives();
  world().barrier();
  world().max(1);
  EXPECT_EQ(world().collectives(), before + 2);
}

TEST(Communicator, TellsWhenItWaitsForALateRank) {
  std::vector<bool> told;
  world().on_wait([&](bool begins) { told.push_back(begins); });
  const bool is_late = world().rank() == world().size() - 1;
  if (is_late) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  world().barrier();
  world().on_wait({});
  world().barrier();
  EXPECT_EQ(told.size() % 2, 0u);
  for (std::size_t i = 0; i < told.size(); ++i) EXPECT_EQ(told[i], i % 2 == 0) << "each wait begins, then ends";
  EXPECT_TRUE(is_late || !told.empty());
}

}  // namespace
}  // namespace stockpot::comm
