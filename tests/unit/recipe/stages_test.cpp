#include "recipe/stages.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "complaints.hpp"

namespace stockpot::recipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A document in three lines, the first of which is its name.
std::string stage(const std::string& name, const std::string& model) {
  return fmt::format("name: {}\nmerge_method: linear\nmodels: [{{model: {}}}]\n", name, model);
}
std::string final_merge(const std::string& model) {
  return fmt::format("merge_method: linear\nmodels: [{{model: {}}}]\n", model);
}
std::string file(const std::vector<std::string>& documents) {
  std::string text;
  for (const std::string& document : documents) text += "---\n" + document;
  return text;
}

std::vector<std::size_t> order(const std::vector<std::string>& documents) {
  Diagnostics diagnostics;
  const auto found = stage_order(read_recipe("r.yml", file(documents)).documents, diagnostics);
  EXPECT_THAT(diagnostics.all(), IsEmpty());
  return found;
}

TEST(StageOrder, PutsEveryStageBehindThoseItNeeds) {
  EXPECT_THAT(order({final_merge("b"), stage("b", "a"), stage("a", "org/m")}), ElementsAre(2, 1, 0));
}

TEST(StageOrder, KeepsTheOrderOfTheFileWhereNothingIsNeeded) {
  EXPECT_THAT(order({stage("a", "m"), stage("b", "m"), final_merge("m")}), ElementsAre(0, 1, 2));
  EXPECT_THAT(order({final_merge("c"), stage("b", "m"), stage("c", "m")}), ElementsAre(1, 2, 0));
}

TEST(StageOrder, LooksAtEveryKindOfReference) {
  const std::string slices =
      "merge_method: linear\nslices: [{sources: [{model: m, layer_range: [0, 1]}], base_model: a}]\n";
  const std::string base = "merge_method: ties\nmodels: [{model: m}]\nbase_model: a\n";
  const std::string tokenizer = final_merge("m") + "tokenizer: {source: a}\n";
  const std::string module = "merge_method: linear\nmodules: {x: {models: [{model: a}]}}\n";
  for (const std::string& text : {slices, base, tokenizer, module, final_merge("a+lora"), final_merge("{model: a}")}) {
    EXPECT_THAT(order({text, stage("a", "m")}), ElementsAre(1, 0)) << text;
  }
}

TEST(StageOrder, AnAdaptersPathIsNoStage) {
  EXPECT_THAT(order({final_merge("m+a"), stage("a", "m")}), ElementsAre(0, 1));
}

TEST(StageOrder, PathsMustBeEqualToTheName) {
  EXPECT_THAT(order({final_merge("./a"), stage("a", "m")}), ElementsAre(0, 1));
}

TEST(StageOrder, ACycleIsShownStageByStage) {
  const std::string text = file({final_merge("a"), stage("a", "b"), stage("b", "c"), stage("c", "b")});
  EXPECT_THAT(complaints(text), ElementsAre("11:18 error STG005"));
  EXPECT_THAT(report_on(text), HasSubstr("stages need each other: 'b' -> 'c' -> 'b'"));
}

TEST(StageOrder, AStageThatNeedsItselfIsACycle) {
  const std::string text = file({final_merge("a"), stage("a", "a")});
  EXPECT_THAT(complaints(text), ElementsAre("7:18 error STG005"));
  EXPECT_THAT(report_on(text), HasSubstr("stages need each other: 'a' -> 'a'"));
}

TEST(StageNames, HaveNoEffectInAFileOfOneDocument) {
  for (const char* name : {"soup", "../soup"}) {
    const Recipe recipe = read_recipe("r.yml", stage(name, "m"));
    Diagnostics diagnostics;
    EXPECT_THAT(stage_order(recipe.documents, diagnostics), ElementsAre(0));
    EXPECT_THAT(diagnostics.all(), IsEmpty());
    EXPECT_EQ(recipe.documents[0].name, "");
  }
}

TEST(StageNames, OneDocumentMayGoWithout) {
  EXPECT_THAT(complaints(file({stage("a", "m"), final_merge("a")})), IsEmpty());
  EXPECT_THAT(complaints(file({stage("a", "m"), stage("b", "a")})), IsEmpty());
  const std::string two = file({final_merge("m"), stage("a", "m"), final_merge("n")});
  EXPECT_THAT(complaints(two), ElementsAre("9:1 error STG001"));
  EXPECT_THAT(report_on(two), HasSubstr("the first is at line 2"));
}

TEST(StageNames, OfAnOnlyDocumentAreIgnored) {
  EXPECT_THAT(order({stage("a", "m")}), ElementsAre(0));
  EXPECT_THAT(order({stage("''", "m")}), ElementsAre(0));
  EXPECT_THAT(order({stage("../a", "m")}), ElementsAre(0));
}

TEST(StageNames, AreDifferent) {
  const std::string text = file({stage("a", "m"), stage("b", "m"), stage("a", "n")});
  EXPECT_THAT(complaints(text), ElementsAre("10:7 error STG002"));
  EXPECT_THAT(report_on(text), HasSubstr("stage name 'a': the stage at line 2 has it already"));
}

TEST(StageNames, BecomeFolders) {
  const auto of = [](const std::string& name) { return complaints(file({stage(name, "m"), final_merge("m")})); };
  const std::string longest(128, 'x');
  for (const std::string& name : {std::string("a"), std::string("org/a"), std::string("'a b'"), std::string("\xC3\xA9"),
                                  std::string("a.b"), std::string("7"), longest}) {
    EXPECT_THAT(of(name), IsEmpty()) << name;
  }
  for (const std::string& name :
       {std::string("''"), std::string("/a"), std::string("a/"), std::string("a//b"), std::string(".."),
        std::string("a/../b"), std::string(".a"), std::string("a/.b"), std::string("'a\\b'"), std::string("\"a\\nb\""),
        std::string("\"\\x7f\""), std::string("\"\\x85\""), std::string("a.stockpot"), std::string("a.stockpot/b"),
        longest + "x"}) {
    EXPECT_THAT(of(name), ElementsAre("2:7 error STG003")) << name;
  }
}

TEST(StageNames, DoNotLieInEachOther) {
  const std::string text = file({stage("org/a/b", "m"), stage("org/a", "m")});
  EXPECT_THAT(complaints(text), ElementsAre("2:7 error STG003"));
  EXPECT_THAT(report_on(text), HasSubstr("stage name 'org/a/b': it lies in the folder of stage 'org/a'"));
  EXPECT_THAT(complaints(file({stage("org/a", "m"), stage("org/b", "m"), stage("org", "m")})),
              ElementsAre("2:7 error STG003", "6:7 error STG003"));
}

TEST(StageReferences, HaveNoRevision) {
  const std::string text =
      file({stage("a", "m"), "merge_method: linear\nmodels: [{model: a@v1+lora@v2}, {model: m@v3}]\n"});
  EXPECT_THAT(complaints(text), ElementsAre("7:18 warning REF010"));
  const auto sources = parse_recipe("r.yml", text).documents.at(1).modules.at(0).slices.at(0).sources;
  EXPECT_EQ(sources.at(0).model.text, "a+lora@v2");
  EXPECT_EQ(sources.at(0).model.revision, "");
  EXPECT_EQ(sources.at(0).key, "a+lora@v2");
  EXPECT_EQ(sources.at(1).model.revision, "v3");
}

TEST(StageReferences, TwoRevisionsOfAStageAreTheSameModel) {
  EXPECT_THAT(complaints(file({stage("a", "m"), "merge_method: linear\nmodels: [{model: a@v1}, {model: a@v2}]\n"})),
              ElementsAre("7:18 warning REF010", "7:25 error ARC023", "7:33 warning REF010"));
}

TEST(StageReferences, NamesThatWouldBeSplitNeedAMapping) {
  EXPECT_THAT(order({final_merge("{model: {path: a+b}}"), stage("a+b", "m")}), ElementsAre(1, 0));
  EXPECT_THAT(order({final_merge("a+b"), stage("a+b", "m")}), ElementsAre(0, 1));
}

std::vector<std::string> texts(const std::string& text) {
  std::vector<std::string> found;
  for (const MergeDocument& document : parse_recipe("r.yml", text).documents) found.push_back(document.text);
  return found;
}

TEST(DocumentText, OfAnOnlyDocumentIsTheFile) {
  const std::string text = "\xEF\xBB\xBF# top\n---\n" + good + "...\n# end\n";
  EXPECT_THAT(texts(text), ElementsAre(text));
}

TEST(DocumentText, OfSeveralIsWhatStandsBetweenSeparators) {
  const std::string a = "# first\n" + stage("a", "m") + "# of a\n", b = final_merge("a");
  EXPECT_THAT(texts(a + "---\n" + b), ElementsAre(a, b));
  EXPECT_THAT(texts("---\n" + a + "--- \n" + b + "---\n# nothing\n"), ElementsAre(a, b));
}

TEST(DocumentText, EndsAtAnEndMark) {
  const std::string a = stage("a", "m"), b = final_merge("a");
  EXPECT_THAT(texts("%YAML 1.2\n---\n" + a + "...\n# between\n---\n" + b + "..."), ElementsAre(a, b));
}

TEST(DocumentText, MayBeginBesideTheSeparator) {
  EXPECT_THAT(texts("--- {name: a, merge_method: linear, models: [{model: m}]}\n--- # last\n" + final_merge("a")),
              ElementsAre("{name: a, merge_method: linear, models: [{model: m}]}\n", "# last\n" + final_merge("a")));
}

TEST(DocumentText, KeepsLineEndsAndLooksIntoNoText) {
  const std::string a =
      "name: a\r\nmerge_method: linear\r\nmodels: [{model: m}]\r\nchat_template: |\r\n  ---\r\n  x\r\n";
  const std::string b = "merge_method: linear\r\nmodels: [{model: a}]";
  EXPECT_THAT(texts(a + "---\r\n" + b), ElementsAre(a, b));
}

TEST(DocumentText, IsFoundForDocumentsAfterOneThatIsNoMerge) {
  const Recipe recipe = read_recipe("r.yml", "experts: []\n---\n" + good);
  ASSERT_EQ(recipe.documents.size(), 1u);
  EXPECT_EQ(recipe.documents[0].text, good);
}

}  // namespace
}  // namespace stockpot::recipe
