#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <optional>

#include "io/checkpoint.hpp"
#include "io/hub_cache.hpp"
#include "support/error_of.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

using test::error_of;
using test::TemporaryDirectory;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string commit(40, 'a');
const std::string other_commit(40, 'b');

/// Sets an environment variable and puts the former value back.
class WithVariable {
 public:
  WithVariable(const char* name, const char* value) : name_(name) {
    if (const char* former = ::getenv(name)) former_ = former;
    value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~WithVariable() { former_ ? ::setenv(name_, former_->c_str(), 1) : ::unsetenv(name_); }
  WithVariable(const WithVariable&) = delete;
  WithVariable& operator=(const WithVariable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> former_;
};

/// Folders to search in, all empty.
struct Places {
  TemporaryDirectory recipe, root1, root2, cache;
  SearchPlaces places{recipe.path(), {root1.path(), root2.path()}, cache.path()};

  FoundModel find(const std::string& path, const std::string& revision = "") const {
    return find_model(path, revision, places);
  }
  Error refusal(const std::string& path, const std::string& revision = "") const {
    return error_of([&] { find(path, revision); });
  }
  std::string snapshot(const std::string& name) const { return cache / ("models--org--m/snapshots/" + name); }
};

TEST(ModelSearch, AnExistingPathIsTakenAsGiven) {
  const Places p;
  p.root1.write("m/config.json", "{}");
  EXPECT_EQ(p.find(p.root1 / "m").path, p.root1 / "m");
  EXPECT_EQ(p.find(p.root1 / "m/config.json").path, p.root1 / "m/config.json");
}

TEST(ModelSearch, AnOutputWithoutItsMarkIsNoModelYet) {
  const Places p;
  p.root1.write("m/model.safetensors", "holes");
  p.root1.write("m/UNFINISHED", "");
  for (const char* path : {"m", "m/", "m/model.safetensors"}) {
    EXPECT_EQ(p.refusal(p.root1 / path).class_code(), "REF006") << path;
    EXPECT_EQ(p.refusal(p.root1 / path).kind(), ErrorKind::corrupt_input) << path;
  }
  p.root1.write("m/COMMITTED", "");
  EXPECT_NO_THROW(p.find(p.root1 / "m"));
}

TEST(ModelSearch, TheRecipesFolderComesBeforeModelRootsInTheirOrder) {
  const Places p;
  p.root2.write("org/m/config.json", "{}");
  EXPECT_EQ(p.find("org/m").path, p.root2 / "org/m");
  p.root1.write("org/m/config.json", "{}");
  EXPECT_EQ(p.find("org/m").path, p.root1 / "org/m");
  p.recipe.write("org/m/config.json", "{}");
  EXPECT_EQ(p.find("org/m").path, p.recipe / "org/m");
}

TEST(ModelSearch, ATildeIsTheHomeFolder) {
  const Places p;
  p.root1.write("m/config.json", "{}");
  const WithVariable home("HOME", p.root1.path().c_str());
  EXPECT_EQ(p.find("~/m").path, p.root1 / "m");
}

TEST(ModelSearch, ARevisionOfALocalPathIsIgnoredWithAWarning) {
  const Places p;
  p.recipe.write("m/config.json", "{}");
  EXPECT_THAT(p.find("m", "v1").warnings, ElementsAre(AllOf(HasSubstr("REF010"), HasSubstr("v1"))));
  EXPECT_THAT(p.find("m").warnings, IsEmpty());
}

TEST(ModelSearch, WhatIsNotFoundListsEveryPlace) {
  const Places p;
  const Error error = p.refusal("org/m");
  EXPECT_EQ(error.class_code(), "REF004");
  EXPECT_EQ(error.kind(), ErrorKind::corrupt_input);
  EXPECT_THAT(error.what(), AllOf(HasSubstr(p.recipe / "org/m"), HasSubstr(p.root1 / "org/m"),
                                  HasSubstr(p.root2 / "org/m"), HasSubstr(p.cache / "models--org--m")));
}

TEST(ModelSearch, ANameThatIsNearlyThereIsSuggested) {
  const Places p;
  p.root1.write("llama-base/config.json", "{}");
  EXPECT_THAT(p.refusal("lama-base").what(), HasSubstr("did you mean 'llama-base'?"));
  EXPECT_THAT(p.refusal(p.root1 / "llama-bse/").what(), HasSubstr("did you mean '" + p.root1 / "llama-base" + "'?"));
}

TEST(ModelSearch, WhatIsSuggestedIsFound) {
  const Places p;
  p.root1.write("org/two/config.json", "{}");
  EXPECT_THAT(p.refusal("org/twoo").what(), HasSubstr("did you mean 'org/two'?"));
  EXPECT_NO_THROW(p.find("org/two"));
  EXPECT_THAT(p.refusal("./org//tow/").what(), HasSubstr("did you mean './org//two'?"));
  EXPECT_NO_THROW(p.find("./org//two"));
}

TEST(ModelSearch, ANameThatIsNearlyInTheCacheIsSuggested) {
  const Places p;
  p.cache.write("models--org--llama/refs/main", commit);
  EXPECT_THAT(p.refusal("org/lama").what(), HasSubstr("did you mean 'org/llama'?"));
}

TEST(ModelSearch, AnEmptyPathIsNoModel) { EXPECT_EQ(Places().refusal("").class_code(), "REF003"); }

TEST(HubCache, TheMainRevisionIsTheDefault) {
  const Places p;
  p.cache.write("models--org--m/refs/main", commit + "\n");
  p.cache.write("models--org--m/snapshots/" + commit + "/config.json", "{}");
  const FoundModel found = p.find("org/m");
  EXPECT_EQ(found.path, p.snapshot(commit));
  EXPECT_THAT(found.warnings, IsEmpty());
}

TEST(HubCache, AnIdWithoutNamespaceHasItsFolderToo) {
  const Places p;
  p.cache.write("models--gpt2/refs/main", commit);
  p.cache.write("models--gpt2/snapshots/" + commit + "/config.json", "{}");
  EXPECT_EQ(p.find("gpt2").path, p.cache / ("models--gpt2/snapshots/" + commit));
}

TEST(HubCache, RevisionsAreCommitsRefsOrSnapshotsByName) {
  const Places p;
  p.cache.write("models--org--m/refs/refs/pr/3", other_commit);
  p.cache.write("models--org--m/snapshots/" + commit + "/config.json", "{}");
  p.cache.write("models--org--m/snapshots/" + other_commit + "/config.json", "{}");
  p.cache.write("models--org--m/snapshots/v1.0/config.json", "{}");
  EXPECT_EQ(p.find("org/m", commit).path, p.snapshot(commit));
  EXPECT_EQ(p.find("org/m", "refs/pr/3").path, p.snapshot(other_commit));
  EXPECT_EQ(p.find("org/m", "v1.0").path, p.snapshot("v1.0"));
}

TEST(HubCache, ARevisionThatIsNotThereListsWhatIs) {
  const Places p;
  p.cache.write("models--org--m/refs/main", commit);
  p.cache.write("models--org--m/snapshots/" + commit + "/config.json", "{}");
  const Error error = p.refusal("org/m", "mian");
  EXPECT_EQ(error.class_code(), "REF005");
  EXPECT_THAT(error.what(), AllOf(HasSubstr("mian"), HasSubstr(commit), HasSubstr("did you mean 'main'?")));
  EXPECT_EQ(p.refusal("org/m", other_commit).class_code(), "REF005");
}

TEST(HubCache, RevisionsCannotLeadOut) {
  const Places p;
  p.cache.write("models--org--m/refs/main", commit);
  p.cache.write("models--org--m/snapshots/" + commit + "/config.json", "{}");
  p.cache.write("secret/config.json", "{}");
  for (const char* revision :
       {"../../secret", "..", ".", "/secret", "a//b", "a/../../b", "a/", "a b", "a\nb", "\xC3\xA9"}) {
    EXPECT_EQ(p.refusal("org/m", revision).class_code(), "REF005") << revision;
  }
}

TEST(HubCache, ARefThatHoldsNoCommitIsRefused) {
  const Places p;
  p.cache.write("models--org--m/snapshots/" + commit + "/config.json", "{}");
  for (const std::string& text :
       {std::string("../../secret"), std::string(), std::string(41, 'a'), std::string(5000, 'a')}) {
    p.cache.write("models--org--m/refs/main", text);
    EXPECT_EQ(p.refusal("org/m").kind(), ErrorKind::corrupt_input) << text;
  }
}

TEST(HubCache, TheOnlySnapshotIsTakenWithAWarningButNeverOneOfSeveral) {
  const Places p;
  p.cache.write("models--org--m/snapshots/" + commit + "/config.json", "{}");
  const FoundModel found = p.find("org/m");
  EXPECT_EQ(found.path, p.snapshot(commit));
  EXPECT_THAT(found.warnings, ElementsAre(HasSubstr("REF011")));
  EXPECT_EQ(p.refusal("org/m", "main").class_code(), "REF005");

  p.cache.write("models--org--m/snapshots/" + other_commit + "/config.json", "{}");
  EXPECT_EQ(p.refusal("org/m").class_code(), "REF005");
}

TEST(HubCache, ASnapshotThatIsALinkOutOfItsModelIsRefused) {
  const Places p;
  p.cache.write("models--org--m/refs/main", commit);
  p.cache.write("models--org--other/snapshots/x/config.json", "{}");
  p.cache.link("models--org--m/snapshots/" + commit, "../../models--org--other/snapshots/x");
  EXPECT_EQ(p.refusal("org/m").class_code(), "REF007");
}

TEST(HubCache, OnlyValidIdsAreLookedUp) {
  for (const char* id : {"gpt2", "org/m", "Org_1/m.v2-x", "a"}) EXPECT_TRUE(is_hub_id(id)) << id;
  for (const char* id : {"",   "/",  "a/", "/a",   "a/b/c", "../a", "a/..",  "a--b", "a..b", "-a",
                         "a-", ".a", "a.", "a/-b", "a/b.",  "a b",  "a.git", "~/a",  "a\\b", "\xC3\xA9"}) {
    EXPECT_FALSE(is_hub_id(id)) << id;
  }
  EXPECT_TRUE(is_hub_id(std::string(96, 'a')));
  EXPECT_FALSE(is_hub_id(std::string(97, 'a')));
}

TEST(HubCache, ItsPlaceComesFromTheOptionThenFromTheEnvironment) {
  const WithVariable home("HOME", "/home/u"), scratch("SCRATCH", "/scratch");
  const WithVariable no_xdg("XDG_CACHE_HOME", nullptr), no_home("HF_HOME", nullptr);
  const WithVariable no_old("HUGGINGFACE_HUB_CACHE", nullptr), no_new("HF_HUB_CACHE", nullptr);
  EXPECT_EQ(hub_cache_directory(""), "/home/u/.cache/huggingface/hub");
  const WithVariable xdg("XDG_CACHE_HOME", "/xdg");
  EXPECT_EQ(hub_cache_directory(""), "/xdg/huggingface/hub");
  const WithVariable hf_home("HF_HOME", "~/hf");
  EXPECT_EQ(hub_cache_directory(""), "/home/u/hf/hub");
  const WithVariable old_name("HUGGINGFACE_HUB_CACHE", "$SCRATCH/old");
  EXPECT_EQ(hub_cache_directory(""), "/scratch/old");
  const WithVariable new_name("HF_HUB_CACHE", "${SCRATCH}_2/new");
  EXPECT_EQ(hub_cache_directory(""), "/scratch_2/new");
  EXPECT_EQ(hub_cache_directory("$HOME/given"), "/home/u/given");
}

}  // namespace
}  // namespace stockpot::io
