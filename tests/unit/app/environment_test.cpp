#include "app/environment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "app/launch.hpp"
#include "core/error.hpp"
#include "io/file_calls.hpp"

namespace stockpot::app {
namespace {

using testing::HasSubstr;

Variables environment(std::map<std::string, std::string> all) {
  return [all](const std::string& name) -> std::optional<std::string> {
    const auto found = all.find(name);
    return found == all.end() ? std::nullopt : std::optional(found->second);
  };
}

void check(const std::vector<std::string>& names) { check_variable_names(names); }

TEST(Environment, KnownNamesAndForeignNamesPass) {
  EXPECT_NO_THROW(check({"PATH", "STOCKPOT_THREADS", "STOCKPOT_ISA", "STOCKPOT_ROOT", "MY_STOCKPOT_X", "STOCKPOT"}));
}

TEST(Environment, MisspeltSettingNamesTheNearestOne) {
  try {
    check({"STOCKPOT_MEMROY"});
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::recipe);
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'STOCKPOT_MEMORY'"));
  }
}

TEST(Environment, UnknownSettingIsAnError) { EXPECT_THROW(check({"STOCKPOT_XYZZY_PLUGH"}), Error); }

TEST(Environment, ASettingThatNothingReadsIsAnError) {
  EXPECT_THROW(check({"STOCKPOT_STAGE_DIR"}), Error);
  if (io::has_faults()) {
    EXPECT_NO_THROW(check({"STOCKPOT_FAULT"}));
  } else {
    EXPECT_THROW(check({"STOCKPOT_FAULT"}), Error);
  }
}

TEST(Launch, OneRankWithoutLauncherIsFine) { EXPECT_NO_THROW(check_launch(1, environment({}))); }

TEST(Launch, LauncherAndMpiThatAgreeAreFine) {
  EXPECT_NO_THROW(check_launch(4, environment({{"OMPI_COMM_WORLD_SIZE", "4"}, {"SLURM_NTASKS", "4"}})));
  EXPECT_NO_THROW(check_launch(1, environment({{"SLURM_NTASKS", "1"}})));
}

TEST(Launch, SingletonsAreFoundWhateverTheLauncher) {
  for (const char* name : {"SLURM_NTASKS", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE"}) {
    try {
      check_launch(1, environment({{name, "8"}}));
      ADD_FAILURE() << name << " was not noticed";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), 3);
      EXPECT_THAT(error.what(), HasSubstr(name));
    }
  }
}

TEST(Launch, MpirunOfOneRankInsideALargeSlurmJobIsFine) {
  EXPECT_NO_THROW(check_launch(1, environment({{"OMPI_COMM_WORLD_SIZE", "1"}, {"SLURM_NTASKS", "32"}})));
}

TEST(Launch, NonsenseInTheEnvironmentIsNoLauncher) {
  EXPECT_NO_THROW(check_launch(1, environment({{"PMI_SIZE", "many"}})));
}

}  // namespace
}  // namespace stockpot::app
