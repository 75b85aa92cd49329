#include "recipe/parameters.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "complaints.hpp"

namespace stockpot::recipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> complaints_about(const std::string& value) {
  return complaints(good + "parameters:\n  x: " + value + "\n");
}

TEST(Parameters, KeepTheirOrderAndTheirPlaces) {
  const MergeDocument merge = document(good + "parameters:\n  b: 1\n  a: [0, 1]\n");
  ASSERT_EQ(merge.parameters.entries.size(), 2u);
  EXPECT_EQ(merge.parameters.entries[0].name, "b");
  EXPECT_EQ(merge.parameters.entries[0].at, (Position{4, 3}));
  EXPECT_EQ(merge.parameters.entries[0].setting.at, (Position{4, 6}));
  EXPECT_EQ(merge.parameters.entries[1].name, "a");
  EXPECT_EQ(merge.parameters.entries[1].setting.cases[0].at, (Position{5, 6}));
  EXPECT_EQ(merge.parameters.find("c"), nullptr);
}

TEST(Parameters, AListOfScalarsIsAGradient) {
  EXPECT_THAT(setting("[0, 0.5, yes]").cases.at(0).values, ElementsAre(Scalar(0.0), Scalar(0.5), Scalar(1.0)));
  EXPECT_THAT(setting("[sum, count]").cases.at(0).values, ElementsAre(Scalar("sum"), Scalar("count")));
}

TEST(Parameters, ABareConditionIsAListOfOne) {
  const Setting one = setting("{filter: mlp, value: [0, 1]}");
  ASSERT_EQ(one.cases.size(), 1u);
  EXPECT_EQ(one.cases[0].filter, "mlp");
  EXPECT_THAT(one.cases[0].values, ElementsAre(Scalar(0.0), Scalar(1.0)));
}

TEST(Parameters, AbsentNullAndAsteriskFiltersAreForEveryName) {
  for (const char* value : {"[{value: 1}]", "[{filter: ~, value: 1}]", "[{filter: '*', value: 1}]"}) {
    EXPECT_EQ(setting(value).cases.at(0).filter, "") << value;
  }
}

TEST(Parameters, AListHoldsValuesOrConditions) {
  EXPECT_THAT(complaints_about("[0.5, {filter: mlp, value: 1}]"), ElementsAre("4:6 error CFG042"));
}

TEST(Parameters, AListMayNotBeEmpty) {
  EXPECT_THAT(complaints_about("[]"), ElementsAre("4:6 error CFG043"));
  EXPECT_THAT(complaints(good + "parameters: {t:0.5, x: 1}\n"), ElementsAre("3:14 error CFG006"));
  EXPECT_THAT(complaints_about("{value: []}"), ElementsAre("4:14 error CFG043"));
}

TEST(Parameters, ANameWithoutAValueIsAnError) {
  EXPECT_THAT(complaints_about(""), ElementsAre("4:3 error CFG005"));
  EXPECT_THAT(complaints(good + "parameters: {weight: 1, desnity: }\n"), ElementsAre("3:25 error CFG005"));
  EXPECT_THAT(complaints("merge_method: linear\nmodels: [{model: a, parameters: {weight: ~}}]\n"),
              ElementsAre("2:34 error CFG005"));
  EXPECT_THAT(report_on(good + "parameters: {lambda: ~}\n"), HasSubstr("parameter 'lambda' has no value"));
}

TEST(Parameters, BadFiltersAreReportedAtTheFilter) {
  EXPECT_THAT(complaints_about("[{filter: 're:(', value: 1}]"), ElementsAre("4:16 error CFG044"));
  EXPECT_THAT(complaints_about("[{filter: 'layers:x', value: 1}]"), ElementsAre("4:16 error CFG044"));
  EXPECT_THAT(complaints_about("[{filter: [a], value: 1}]"), ElementsAre("4:16 error CFG020"));
}

TEST(Parameters, AConditionNeedsAValue) {
  EXPECT_THAT(complaints_about("[{filter: mlp}]"), ElementsAre("4:7 error CFG005"));
  EXPECT_THAT(complaints_about("[{filter: mlp, value: }]"), ElementsAre("4:21 error CFG005"));
}

TEST(Parameters, AConditionHasNoOtherKeys) {
  EXPECT_THAT(complaints_about("[{fitler: mlp, value: 1}]"), ElementsAre("4:8 warning CFG006"));
}

TEST(Parameters, ListsInListsAreNoValues) {
  EXPECT_THAT(complaints_about("[[0, 1], 1]"), ElementsAre("4:7 error CFG020"));
  EXPECT_THAT(complaints_about("[0, ~]"), ElementsAre("4:10 error CFG020"));
  EXPECT_THAT(complaints_about("{value: {value: 1}}"), ElementsAre("4:14 error CFG020"));
}

TEST(Parameters, AreAMapping) {
  EXPECT_THAT(complaints(good + "parameters: 3\n"), ElementsAre("3:13 error CFG020"));
  EXPECT_THAT(complaints(good + "parameters: {}\n"), IsEmpty());
}

TEST(Parameters, TheirNamesAreNotLookedAt) { EXPECT_THAT(complaints(good + "parameters: {no_such: 1}\n"), IsEmpty()); }

}  // namespace
}  // namespace stockpot::recipe
