#include "io/model_card.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "io/shown_reference.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

ModelCard example() {
  return {.title = "merged",
          .methods = {{"ties", "arXiv:2306.01708"}},
          .base = {{"org/base", {"org/base"}}},
          .models = {{"org/tune@main+org/lora*0.5", {"org/tune", "org/lora"}}, {"/data/team/mine"}, {"runs/local"}},
          .recipe = "merge_method: ties\nmodels:\n- model: /data/team/mine\n"};
}

TEST(ModelCard, IsFrontMatterThenText) {
  EXPECT_EQ(to_markdown(example()),
            "---\nbase_model:\n- org/base\n- org/tune\n- org/lora\nlibrary_name: transformers\ntags:\n- stockpot\n"
            "- mergekit\n- merge\n---\n# merged\n\nMerged by Stockpot 0.1.0.\n\n## Method\n\n"
            "`ties` ([arXiv:2306.01708](https://arxiv.org/abs/2306.01708)), with "
            "[org/base](https://huggingface.co/org/base) as base\n\n## Models\n\n"
            "- [org/tune@main+org/lora*0.5](https://huggingface.co/org/tune)\n- `mine`\n- `runs/local`\n\n## Recipe\n\n"
            "```yaml\nmerge_method: ties\nmodels:\n- model: mine\n```\n");
}

TEST(ModelCard, WithoutHubModelsThereIsNoBaseModelKey) {
  ModelCard card = example();
  card.base.clear();
  card.models = {{"org/name"}};
  EXPECT_THAT(to_markdown(card), AllOf(StartsWith("---\nlibrary_name"), Not(HasSubstr("huggingface.co"))));
}

TEST(ModelCard, NoDirectoryOfThisMachineIsShown) {
  ModelCard card = example();
  card.models = {{"/data"}, {"/data/team/a"}, {"/data/team/a@main+~/my/lora"}};
  card.recipe = "[/data/team/a, /data/team/a@main, ~/my/lora, /data]";
  EXPECT_THAT(to_markdown(card), AllOf(HasSubstr("[a, a@main, lora, data]"), HasSubstr("`a@main+lora`"),
                                       Not(HasSubstr("/data")), Not(HasSubstr("team")), Not(HasSubstr("/my"))));
}

TEST(ModelCard, AnAdapterOfALocalModelIsOnTheHubButNoLink) {
  ModelCard card = example();
  card.models = {{"/data/mine+org/lora", {"org/lora"}}};
  EXPECT_THAT(to_markdown(card), AllOf(HasSubstr("\n- org/lora\n"), HasSubstr("\n- `mine+org/lora`\n")));
}

TEST(ModelCard, SeveralMethodsAreListed) {
  ModelCard card = example();
  card.methods = {{"ties", "arXiv:2306.01708"}, {"passthrough", ""}};
  card.base.clear();
  EXPECT_THAT(to_markdown(card),
              HasSubstr("## Methods\n\n`ties` "
                        "([arXiv:2306.01708](https://arxiv.org/abs/2306.01708)), `passthrough`\n\n"));
}

std::vector<std::string> ids(const std::string& reference, const std::vector<std::string>& directories) {
  return card_model(reference, directories).hub_ids;
}

TEST(ModelCard, OnlyWhatWasFoundInAHubCacheIsOnTheHub) {
  const std::string cached = "/cache/models--org--base/snapshots/0a1", lora = "/c/models--org--lora/snapshots/2b3";
  EXPECT_THAT(ids("org/base@main+org/lora*2", {cached, lora}), ElementsAre("org/base", "org/lora"));
  EXPECT_THAT(ids("org/base+org/lora*2", {"/recipes/org/base", lora}), ElementsAre("org/lora"));
  for (const char* local : {"org/base", "/models/org/base", "/m/models--org--base", "/m/models--org--bas/snapshots/0a1",
                            "/m/models--org--base/0a1", ""}) {
    EXPECT_THAT(ids("org/base", {local}), IsEmpty()) << local;
  }
  EXPECT_THAT(ids("./org/base", {cached}), IsEmpty());
}

TEST(ModelCard, ALocalModelWhoseNameBeginsLikeItsAdapterIsNoLink) {
  ModelCard card = example();
  card.models = {{"org/base2+org/base", {"org/base"}}};
  EXPECT_THAT(to_markdown(card), HasSubstr("\n- `org/base2+org/base`\n"));
}

TEST(ModelCard, TheRecipeCannotEndItsBlock) {
  ModelCard card = example();
  card.recipe = "# ```` <script>";
  EXPECT_THAT(to_markdown(card), HasSubstr("\n`````yaml\n# ```` <script>\n`````\n"));
}

TEST(ModelCard, TheRecipeFileIsCopiedByteForByte) {
  const test::TemporaryDirectory scratch;
  ModelCard card = example();
  card.recipe = "a: 1\r\n# \xff, no line end";
  write_model_card(card, scratch.path());
  EXPECT_EQ(test::bytes_of_file(scratch / "mergekit_config.yml"), card.recipe);
  EXPECT_EQ(test::bytes_of_file(scratch / "README.md"), to_markdown(card));
}

TEST(ModelCard, TheRecipeFileMayHaveAnotherName) {
  const test::TemporaryDirectory scratch;
  ModelCard card = example();
  card.recipe_name = "mergekit_moe_config.yml";
  write_model_card(card, scratch.path());
  EXPECT_EQ(test::bytes_of_file(scratch / "mergekit_moe_config.yml"), card.recipe);
}

TEST(WithoutDirectories, ShortensPathsThatNoReferenceNames) {
  EXPECT_EQ(without_directories("# see /data/team/base\nsource: '/x/y/tok', a: [/a/b+/c/d/*2,~me/e/f@v]"),
            "# see base\nsource: 'tok', a: [b+d*2,f@v]");
}

TEST(WithoutDirectories, LeavesWhatIsNoPath) {
  for (const char* text : {"", "/", "https://a.org/b/c", "a/b/c", "./a/b", "</s> /think and/or 1 / 2", "~", "//"}) {
    EXPECT_EQ(without_directories(text), text);
  }
}

TEST(ShownReference, KeepsHubIdsAndRelativePaths) {
  EXPECT_EQ(shown_reference("org/name@refs/pr/3"), "org/name@refs/pr/3");
  EXPECT_EQ(shown_reference("./a/b"), "./a/b");
}

TEST(ShownReference, ShortensEveryAbsolutePart) {
  EXPECT_EQ(shown_reference("/data/team/base/@refs/pr/3+~/x/lora*0.5"), "base@refs/pr/3+lora*0.5");
}

TEST(HubIds, AreTwoNamesWithASlashBetween) {
  EXPECT_THAT(hub_ids("org/name@v1+o-r.g/l_o*2"), ElementsAre("org/name", "o-r.g/l_o"));
  for (const char* other :
       {"name", "/abs/path", "a/b/c", "../a", "-a/b", "a/b.", "a--b/c", "a/b..c", "a/b.git", "a/ b"}) {
    EXPECT_THAT(hub_ids(other), IsEmpty()) << other;
  }
}

}  // namespace
}  // namespace stockpot::io
