#include "app/deadline.hpp"

#include <gmock/gmock.h>

namespace stockpot::app {
namespace {

constexpr std::int64_t now = 1'795'861'800;  // 2026-11-28T10:30:00Z

Variables ends_at(const char* text) {
  return [text](const std::string& name) -> std::optional<std::string> {
    if (name != "SLURM_JOB_END_TIME" || text == nullptr) return std::nullopt;
    return text;
  };
}

TEST(Deadline, IsADurationATimeOrSecondsOfTheEpoch) {
  EXPECT_EQ(parse_deadline("50m", now), now + 3000);
  EXPECT_EQ(parse_deadline("90", now), now + 90);
  EXPECT_EQ(parse_deadline("2026-11-28T10:30:00Z", 0), now);
  EXPECT_EQ(parse_deadline("@1795861800", 0), now);
}

TEST(Deadline, NothingElse) {
  for (const char* text :
       {"", "soon", "2026-11-28", "2026-11-28T10:30:00", "2026-11-28T10:30:00Zx", "@", "@-1", "@1.5"}) {
    EXPECT_EQ(parse_deadline(text, now), std::nullopt) << text;
  }
}

TEST(Deadline, TheEarliestCounts) {
  EXPECT_EQ(seconds_left(std::nullopt, ends_at(nullptr), now), std::nullopt);
  EXPECT_EQ(seconds_left(now + 10, ends_at(nullptr), now), 10);
  EXPECT_EQ(seconds_left(now + 10, ends_at("1795861805"), now), 5);
  EXPECT_EQ(seconds_left(now + 10, ends_at("1795861900"), now), 10);
  EXPECT_EQ(seconds_left(std::nullopt, ends_at("1795861700"), now), -100);
  EXPECT_EQ(seconds_left(std::nullopt, ends_at("unknown"), now), std::nullopt);
}

TEST(Deadline, OneThatIsFarAwayIsLater) {
  for (const char* text :
       {"150000d", "213503982334601d", "18446744073709551615", "@9223372036854775807", "9999-12-31T00:00:00Z"}) {
    EXPECT_EQ(seconds_left(parse_deadline(text, now), ends_at(nullptr), now), longest_seconds) << text;
  }
  EXPECT_EQ(seconds_left(std::nullopt, ends_at("9223372036854775807"), now), longest_seconds);
  EXPECT_EQ(seconds_left(parse_deadline("0000-01-01T00:00:00Z", now), ends_at(nullptr), now), -longest_seconds);
}

}  // namespace
}  // namespace stockpot::app
