#include "recipe/tensor_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "complaints.hpp"

namespace stockpot::recipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Extensions extensions(const std::string& block) { return document(good + "stockpot: " + block + "\n").extensions; }
std::vector<std::string> complaints_about(const std::string& block) {
  return complaints(good + "stockpot: " + block + "\n");
}

TEST(TensorRules, IncludeAndExcludeAreListsOfFilters) {
  const Extensions found =
      extensions("{include: ['*', mlp], exclude: ['glob:*.bias', 're:q_proj$'], exclude_action: drop}");
  EXPECT_THAT(found.include, ElementsAre("", "mlp"));
  EXPECT_THAT(found.exclude, ElementsAre("glob:*.bias", "re:q_proj$"));
  EXPECT_EQ(found.exclude_action, ExcludeAction::drop);
  EXPECT_EQ(found.include_at, (Position{3, 21}));
  EXPECT_EQ(found.exclude_at, (Position{3, 42}));
}

TEST(TensorRules, BadFiltersAreShownWhereTheyStand) {
  EXPECT_THAT(complaints_about("{include: [mlp, 're:(']}"), ElementsAre("3:27 error CFG044"));
  EXPECT_THAT(complaints_about("{exclude: ['layers:x']}"), ElementsAre("3:22 error CFG044"));
  EXPECT_THAT(complaints_about("{vocab_tensors: ['glob:']}"), ElementsAre("3:28 error CFG044"));
  EXPECT_THAT(complaints_about("{include: mlp}"), ElementsAre("3:21 error CFG020"));
  EXPECT_THAT(complaints_about("{include: [[mlp]]}"), ElementsAre("3:22 error CFG020"));
  EXPECT_THAT(complaints_about("{exclude_action: move}"), ElementsAre("3:28 error CFG052"));
}

TEST(TensorRules, AnOverrideHasAFilterAndAMethodOrParameters) {
  const auto found = extensions(
                         "{overrides: [{filter: 'layers:0-2', merge_method: passthrough}, "
                         "{filter: head, parameters: {weight: [0, 1]}}, {filter: '*'}]}")
                         .overrides;
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].filter, "layers:0-2");
  EXPECT_EQ(found[0].method, "passthrough");
  EXPECT_EQ(found[0].method_at, (Position{3, 61}));
  EXPECT_EQ(found[0].at, (Position{3, 24}));
  EXPECT_THAT(found[0].parameters.entries, IsEmpty());
  EXPECT_EQ(found[1].method, "");
  EXPECT_THAT(found[1].parameters.find("weight")->setting.cases.at(0).values, ElementsAre(Scalar(0.0), Scalar(1.0)));
  EXPECT_EQ(found[2].filter, "");
}

TEST(TensorRules, AnOverridesMistakesAreErrors) {
  EXPECT_THAT(complaints_about("{overrides: [{merge_method: linear}]}"), ElementsAre("3:24 error CFG005"));
  EXPECT_THAT(complaints_about("{overrides: [{filter: 're:['}]}"), ElementsAre("3:33 error CFG044"));
  EXPECT_THAT(complaints_about("{overrides: [{filter: a, method: linear}]}"), ElementsAre("3:36 error CFG006"));
  EXPECT_THAT(complaints_about("{overrides: [{filter: a, parameters: {w: []}}]}"), ElementsAre("3:52 error CFG043"));
  EXPECT_THAT(complaints_about("{overrides: {filter: a}}"), ElementsAre("3:23 error CFG020"));
}

TEST(TensorRules, ARenameHasAnExpressionAndAText) {
  const auto found = extensions("{rename: [{from: '^model\\.', to: ''}, {from: a, to: $1b}]}").renames;
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].from, "^model\\.");
  EXPECT_EQ(found[0].to, "");
  EXPECT_EQ(found[0].at, (Position{3, 21}));
  EXPECT_EQ(found[1].to, "$1b");
}

TEST(TensorRules, ARenamesMistakesAreErrors) {
  EXPECT_THAT(complaints_about("{rename: [{from: '(', to: x}]}"), ElementsAre("3:28 error CFG044"));
  EXPECT_THAT(report_on(good + "stockpot: {rename: [{from: '(', to: x}]}\n"), HasSubstr("bad expression '('"));
  EXPECT_THAT(complaints_about("{rename: [{from: " + std::string(1000, 'x') + ", to: x}]}"),
              ElementsAre("3:28 error CFG044"));
  EXPECT_THAT(complaints_about("{rename: [{from: a}]}"), ElementsAre("3:21 error CFG005"));
  EXPECT_THAT(complaints_about("{rename: [{to: a}]}"), ElementsAre("3:21 error CFG005"));
  EXPECT_THAT(complaints_about("{rename: [{from: a, too: b, to: c}]}"), ElementsAre("3:31 error CFG006"));
  EXPECT_THAT(complaints_about("{rename: {a: b}}"), ElementsAre("3:20 error CFG020"));
}

}  // namespace
}  // namespace stockpot::recipe
