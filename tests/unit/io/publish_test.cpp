#include "io/publish.hpp"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>

#include "io/digest.hpp"
#include "io/manifest.hpp"
#include "io/run_lock.hpp"
#include "support/error_of.hpp"
#include "support/set_variable.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

namespace fs = std::filesystem;
using test::bytes_of_file;
using test::error_of;
using test::TemporaryDirectory;
using testing::AllOf;
using testing::HasSubstr;

/// A process that has ended and was waited for.
std::uint64_t pid_of_the_dead() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return static_cast<std::uint64_t>(child);
}

RunLock lock_of_the_dead() {
  RunLock dead = RunLock::of_this_process();
  dead.pid = pid_of_the_dead();
  return dead;
}

class Publish : public testing::Test {
 protected:
  OutputPlace place() const { return {.out = out, .inputs = {}, .needed_bytes = 0}; }
  Error refusal() const {
    return error_of([&] { Staging::open(place()); });
  }
  /// What another run left in its staging directory.
  void leave_staging(const RunLock& lock) const {
    parent.write("out.stockpot/lock", lock.to_json());
    parent.write("out.stockpot/data/half-written", "x");
  }

  TemporaryDirectory parent;
  std::string out = parent / "out";
};

TEST_F(Publish, TheOutputAppearsWholeAndTheStagingDirectoryGoes) {
  Staging staging = Staging::open(place());
  EXPECT_EQ(staging.data_directory(), out + ".stockpot/data");
  parent.write("out.stockpot/data/model.safetensors", "weights");
  EXPECT_FALSE(fs::exists(out));
  staging.publish();
  EXPECT_EQ(bytes_of_file(out + "/model.safetensors"), "weights");
  EXPECT_FALSE(fs::exists(out + ".stockpot"));
}

TEST_F(Publish, DiscardLeavesNothing) {
  Staging staging = Staging::open(place());
  parent.write("out.stockpot/data/model.safetensors", "weights");
  staging.discard();
  EXPECT_TRUE(fs::is_empty(parent.path()));
}

TEST_F(Publish, AnEmptyDirectoryCountsAsAbsentAlsoWithASlashBehindIt) {
  fs::create_directory(out);
  Staging staging = Staging::open({.out = out + "/", .inputs = {}, .needed_bytes = 0});
  parent.write("out.stockpot/data/a", "x");
  staging.publish();
  EXPECT_EQ(bytes_of_file(out + "/a"), "x");
}

TEST_F(Publish, AnExistingOutputIsKept) {
  parent.write("out/precious", "x");
  const Error error = refusal();
  EXPECT_EQ(error.class_code(), "OUT001");
  EXPECT_EQ(error.kind(), ErrorKind::output_exists);
  EXPECT_THAT(error.what(), HasSubstr("hint"));
  EXPECT_EQ(bytes_of_file(out + "/precious"), "x");
  EXPECT_FALSE(fs::exists(out + ".stockpot"));
}

TEST_F(Publish, AFileAsOutputIsKept) {
  parent.write("out", "x");
  EXPECT_EQ(refusal().class_code(), "OUT001");
}

TEST_F(Publish, ALinkAsOutputIsNotFollowed) {
  fs::create_directory(parent / "elsewhere");
  parent.link("out", parent / "elsewhere");
  EXPECT_EQ(refusal().class_code(), "OUT001");
}

TEST_F(Publish, OnlyAModelIsReplaced) {
  const auto replace = [&] { Staging::open({.out = out, .inputs = {}, .needed_bytes = 0, .overwrite = true}); };
  parent.write("out/thesis.tex", "x");
  parent.write("out/data/model.safetensors", "x");
  EXPECT_EQ(error_of(replace).class_code(), "OUT004");
  EXPECT_FALSE(fs::exists(out + ".stockpot"));
  parent.write("out/config.json", "{}");
  EXPECT_NO_THROW(replace());
}

TEST_F(Publish, AnOutputThatAppearsDuringTheRunIsKept) {
  Staging staging = Staging::open(place());
  parent.write("out/precious", "x");
  EXPECT_EQ(error_of([&] { staging.publish(); }).class_code(), "OUT001");
  EXPECT_EQ(bytes_of_file(out + "/precious"), "x");
}

TEST_F(Publish, AnInputModelIsNeitherReplacedNorEnteredNorHeld) {
  parent.write("out/model/config.json", "{}");
  parent.write("out.stockpot/stages/half/config.json", "{}");
  for (const std::string& input : {out, out + "/model", parent.path(), out + ".stockpot/stages/half"}) {
    const Error error = error_of([&] { Staging::open({.out = out, .inputs = {input}, .needed_bytes = 0}); });
    EXPECT_EQ(error.class_code(), "OUT002") << input;
    EXPECT_THAT(error.what(), HasSubstr(input));
  }
}

TEST_F(Publish, AnInputThatIsNotThereYetIsRecognised) {
  const fs::path before = fs::current_path();
  fs::current_path(parent.path());
  const Error error = error_of([] { Staging::open({.out = "new", .inputs = {"new/stages/half"}, .needed_bytes = 0}); });
  fs::current_path(before);
  EXPECT_EQ(error.class_code(), "OUT002");
}

TEST_F(Publish, AnInputReachedThroughALinkIsRecognised) {
  parent.write("model/config.json", "{}");
  parent.link("alias", parent / "model");
  const OutputPlace inside{.out = parent / "model/out", .inputs = {parent / "alias"}, .needed_bytes = 0};
  EXPECT_EQ(error_of([&] { Staging::open(inside); }).class_code(), "OUT002");
}

TEST_F(Publish, ASiblingOfTheInputWithALongerNameIsFine) {
  fs::create_directory(parent / "ou");
  Staging staging = Staging::open({.out = out, .inputs = {parent / "ou"}, .needed_bytes = 0});
  staging.discard();
}

TEST_F(Publish, AFileAsInputDoesNotReserveItsDirectory) {
  const std::string input = parent.write("model.safetensors", "x");
  Staging staging = Staging::open({.out = out, .inputs = {input}, .needed_bytes = 0});
  staging.discard();
}

TEST_F(Publish, AMissingParentIsNamed) {
  const Error error = error_of([&] { Staging::open({.out = parent / "no/out", .inputs = {}, .needed_bytes = 0}); });
  EXPECT_EQ(error.kind(), ErrorKind::storage);
  EXPECT_THAT(error.what(), HasSubstr(parent / "no"));
}

TEST_F(Publish, APlaceThatTakesNoFilesIsNamed) {
  const Error error = error_of([&] { Staging::open({.out = "/proc/self/out", .inputs = {}, .needed_bytes = 0}); });
  EXPECT_THAT(error.what(), HasSubstr("/out.stockpot"));
}

TEST_F(Publish, AnOutputNeedsAName) {
  for (const char* nameless : {"", "/", ".", ".."}) {
    const Error error = error_of([&] { Staging::open({.out = nameless, .inputs = {}, .needed_bytes = 0}); });
    EXPECT_EQ(error.kind(), ErrorKind::usage) << nameless;
  }
}

TEST_F(Publish, ANameWithoutRoomForThatOfTheStagingDirectoryIsNone) {
  const std::string longest(255 - std::string(staging_suffix).size(), 'x');
  Staging::open({.out = parent / longest, .inputs = {}, .needed_bytes = 0}).discard();
  const Error error =
      error_of([&] { Staging::open({.out = parent / (longest + "x"), .inputs = {}, .needed_bytes = 0}); });
  EXPECT_EQ(error.kind(), ErrorKind::usage);
}

TEST_F(Publish, TooLittleSpaceIsSaidWithNumbersBeforeAnythingIsMade) {
  constexpr std::uint64_t exbibyte = std::uint64_t{1} << 60;
  const Error error = error_of([&] { Staging::open({.out = out, .inputs = {}, .needed_bytes = 8 * exbibyte}); });
  EXPECT_EQ(error.kind(), ErrorKind::no_space);
  EXPECT_EQ(error.class_code(), "OUT003");
  EXPECT_THAT(error.what(), AllOf(HasSubstr("9223372036854775808"), HasSubstr("free")));
  EXPECT_TRUE(fs::is_empty(parent.path()));
}

TEST_F(Publish, TheLockOfALiveRunIsRespected) {
  Staging first = Staging::open(place());
  const Error error = refusal();
  EXPECT_EQ(error.kind(), ErrorKind::output_exists);
  EXPECT_THAT(error.what(), AllOf(HasSubstr(std::to_string(::getpid())), HasSubstr(RunLock::of_this_process().host)));
  first.publish();
}

TEST_F(Publish, TheLockOfADeadRunIsTakenOverWithAllThatItLeft) {
  leave_staging(lock_of_the_dead());
  Staging staging = Staging::open(place());
  EXPECT_EQ(staging.attempt(), 2u);
  EXPECT_EQ(bytes_of_file(staging.data_directory() + "/half-written"), "x");
  staging.start_anew();
  EXPECT_TRUE(fs::is_empty(staging.data_directory()));
  staging.publish();
  EXPECT_TRUE(fs::is_empty(out));
  EXPECT_FALSE(fs::exists(out + ".stockpot"));
}

TEST_F(Publish, WhoLeavesNeedNotBeAskedFor) {
  Staging::open(place()).leave();
  Staging second = Staging::open(place());
  EXPECT_EQ(second.attempt(), 3u);  // the word of farewell is a link of the chain, too
  EXPECT_EQ(refusal().kind(), ErrorKind::output_exists);
  second.publish();
}

TEST_F(Publish, ALockIsBrokenByItsTokenOnly) {
  RunLock lock = RunLock::of_this_process();
  lock.host = "node17";
  leave_staging(lock);
  OutputPlace forced = place();
  forced.claim.break_token = "0000000000000000";
  EXPECT_EQ(error_of([&] { Staging::open(forced); }).kind(), ErrorKind::output_exists);
  forced.claim.break_token = lock.token;
  Staging::open(forced).publish();
  EXPECT_EQ(bytes_of_file(out + "/half-written"), "x");
}

TEST_F(Publish, ARequeuedJobTakesOverFromItsFormerLife) {
  RunLock lock = RunLock::of_this_process();
  lock.host = "node17";
  lock.job_id = "4711";
  leave_staging(lock);
  const test::SetVariable job("SLURM_JOB_ID", "4711");
  EXPECT_EQ(refusal().kind(), ErrorKind::output_exists) << "another step of the same job may be running";
  const test::SetVariable count("SLURM_RESTART_COUNT", "1");
  Staging::open(place()).discard();
}

TEST_F(Publish, AnOldOutputIsReplacedByOverwrite) {
  parent.write("out/old", "x");
  parent.write("out/config.json", "{}");
  OutputPlace over = place();
  over.overwrite = true;
  Staging staging = Staging::open(over);
  parent.write("out.stockpot/data/new", "y");
  staging.publish();
  EXPECT_EQ(bytes_of_file(out + "/new"), "y");
  EXPECT_FALSE(fs::exists(out + "/old"));
  EXPECT_FALSE(fs::exists(out + ".stockpot"));
}

TEST_F(Publish, AnOldOutputComesBackAfterAKillBetweenTwoRenames) {
  leave_staging(lock_of_the_dead());
  parent.write("out.stockpot/replaced/old", "x");
  parent.write("out.stockpot/replaced/config.json", "{}");
  parent.write("out.stockpot/publish.json", "no record\n");
  OutputPlace over = place();
  over.overwrite = true;
  Staging staging = Staging::open(over);
  EXPECT_EQ(bytes_of_file(out + "/old"), "x");
  staging.publish();
  EXPECT_EQ(bytes_of_file(out + "/half-written"), "x");
}

TEST_F(Publish, WhatWasReplacedIsNotGoneOnWith) {
  leave_staging(lock_of_the_dead());
  parent.write("out.stockpot/data/stockpot_run.json", "of the old one");
  parent.write("out.stockpot/publish.json", "of the new one, which was there and is gone");
  parent.write("out.stockpot/plan.json", "{}");
  parent.write("out.stockpot/journal/A00001-R000000.log", "all is done");
  Staging staging = Staging::open(place());
  EXPECT_FALSE(staging.holds_work());
  EXPECT_TRUE(fs::is_empty(staging.data_directory()));
  EXPECT_FALSE(fs::exists(staging.journal_directory()));
}

TEST_F(Publish, WhatIsGoneOnWithAfterAKillBeforeTheRenameIsNotLostByAnotherKill) {
  const std::string record = parent.write("out.stockpot/data/stockpot_run.json", "of the first attempt");
  leave_staging(lock_of_the_dead());
  parent.write("out.stockpot/publish.json", sha256_hex("of the first attempt") + "\n");
  Staging::open(place()).leave();
  fs::remove(record);  // it is written anew
  Staging again = Staging::open(place());
  EXPECT_EQ(bytes_of_file(again.data_directory() + "/half-written"), "x");
}

TEST_F(Publish, AnOutputInItsOwnPlaceCountsOnceItIsMarked) {
  OutputPlace marked = place();
  marked.in_place = true;
  Staging staging = Staging::open(marked);
  EXPECT_EQ(staging.data_directory(), out);
  parent.write("out/model.safetensors", "weights");
  staging.leave();
  EXPECT_EQ(refusal().kind(), ErrorKind::recipe) << "an attempt with the other way of committing";
  Staging again = Staging::open(marked);
  EXPECT_EQ(bytes_of_file(out + "/model.safetensors"), "weights");
  again.publish();
  EXPECT_TRUE(fs::exists(out + "/COMMITTED"));
  EXPECT_FALSE(fs::exists(out + "/UNFINISHED"));
  EXPECT_FALSE(fs::exists(out + ".stockpot"));
}

TEST_F(Publish, AnOutputThatLacksItsMarkIsNotFinishedHoweverItIsAskedFor) {
  Manifest manifest;
  manifest.recipe_sha256 = std::string(64, '0');
  parent.write("out/stockpot-manifest.json", to_json(manifest));
  OutputPlace made = place();
  made.made_of = "the same";
  const auto finished = [&](const char* commit) {
    parent.write("out/stockpot_run.json",
                 R"({"stage_fingerprint": "the same", "commit": ")" + std::string(commit) + "\"}");
    return Staging::is_finished(made);
  };
  EXPECT_TRUE(finished("rename"));
  EXPECT_FALSE(finished("marker"));
  parent.write("out/UNFINISHED", "");
  EXPECT_FALSE(finished("rename"));
  parent.write("out/COMMITTED", "");
  EXPECT_TRUE(finished("marker"));
}

TEST_F(Publish, InItsOwnPlaceAnAttemptRemovesOnlyWhatIsMarkedAsItsOwn) {
  leave_staging(lock_of_the_dead());
  fs::remove_all(parent / "out.stockpot/data");
  parent.write("out.stockpot/in-place", "");  // it died before it made OUT, and then somebody else did
  parent.write("out/precious", "x");
  OutputPlace marked = place();
  marked.in_place = true;
  EXPECT_EQ(error_of([&] { Staging::open(marked); }).class_code(), "OUT001");
  EXPECT_EQ(bytes_of_file(out + "/precious"), "x");
}

TEST_F(Publish, AnotherBootOfThisNameIsGoneOnceItHasBeenSilentSinceOurs) {
  RunLock lock = RunLock::of_this_process();
  lock.boot_id = "another boot";
  timespec since_boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  EXPECT_EQ(owner_of(lock, since_boot.tv_sec + 1000), Owner::gone);
  EXPECT_EQ(owner_of(lock, since_boot.tv_sec / 2), Owner::elsewhere) << "two machines may have one name";
  EXPECT_EQ(owner_of(lock, 60), Owner::elsewhere) << "the clock of a file server may be behind";
  lock.host = "node17";
  EXPECT_EQ(owner_of(lock, since_boot.tv_sec + 1000), Owner::elsewhere);
}

TEST_F(Publish, APidThatWasGivenOutAgainIsNotTheOwner) {
  RunLock lock = RunLock::of_this_process();
  lock.started_ticks += 1;
  EXPECT_EQ(owner_of(lock, 0), Owner::gone);
}

TEST_F(Publish, APidOfAnotherContainerSaysNothing) {
  RunLock lock = lock_of_the_dead();
  lock.pid_namespace += 1;
  EXPECT_EQ(owner_of(lock, 0), Owner::elsewhere);
  lock.pid_namespace = 0;  // of a version that did not say
  EXPECT_EQ(owner_of(lock, 0), Owner::gone);
}

TEST_F(Publish, TheLockOfAnotherMachineIsLeftWithAHint) {
  RunLock lock = RunLock::of_this_process();
  lock.host = "node17";
  leave_staging(lock);
  const Error error = refusal();
  EXPECT_EQ(error.kind(), ErrorKind::output_exists);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("node17"), HasSubstr("--break-lock " + lock.token)));
  EXPECT_TRUE(fs::exists(out + ".stockpot/data/half-written"));
}

TEST_F(Publish, NothingIsDeletedThatCarriesNoLock) {
  parent.write("out.stockpot/thesis.tex", "x");
  EXPECT_EQ(refusal().kind(), ErrorKind::output_exists);
  parent.write("out.stockpot/lock", std::string(60, '\0'));  // a writer that died half way, or somebody else's file
  EXPECT_EQ(refusal().kind(), ErrorKind::output_exists);
  EXPECT_EQ(bytes_of_file(parent / "out.stockpot/thesis.tex"), "x");
}

TEST_F(Publish, AStagingDirectoryThatIsALinkIsNotEntered) {
  RunLock dead = RunLock::of_this_process();
  dead.pid = pid_of_the_dead();
  parent.write("elsewhere/lock", dead.to_json());
  parent.link("out.stockpot", parent / "elsewhere");
  EXPECT_EQ(refusal().kind(), ErrorKind::output_exists);
  EXPECT_TRUE(fs::exists(parent / "elsewhere/lock"));
}

TEST_F(Publish, ARunThatDiedBeforeItsLockLeavesNoTrace) {
  fs::create_directory(parent / "out.stockpot");
  Staging::open(place()).publish();
  EXPECT_TRUE(fs::is_directory(out));
}

TEST_F(Publish, ARunThatLostItsLockDoesNotPublish) {
  Staging staging = Staging::open(place());
  RunLock other = RunLock::of_this_process();
  other.host = "node17";
  fs::remove(parent / "out.stockpot/lock");
  parent.write("out.stockpot/lock", other.to_json());
  EXPECT_EQ(error_of([&] { staging.publish(); }).kind(), ErrorKind::output_exists);
  EXPECT_FALSE(fs::exists(out));
}

TEST(RunLock, SurvivesItsTextForm) {
  const RunLock lock = RunLock::of_this_process();
  EXPECT_EQ(RunLock::parse(lock.to_json()), lock);
  EXPECT_EQ(owner_of(lock, 0), Owner::running);
}

TEST(RunLock, ATokenThatIsAPathIsNone) {
  RunLock lock = RunLock::of_this_process();
  lock.token = "../../etc/passwd";
  EXPECT_EQ(RunLock::parse(lock.to_json()), std::nullopt);
}

TEST(RunLock, OtherTextIsNoLock) {
  for (const char* text :
       {"", "{}", "[]", R"({"host":"a","boot_id":"b","pid":-1,"started_ticks":"x"})", "{\"host\":"}) {
    EXPECT_EQ(RunLock::parse(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace stockpot::io
