// Slips of the pen: what the reader says of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "complaints.hpp"

namespace stockpot::recipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Slips, TabsAsIndentation) {
  EXPECT_THAT(report_on("merge_method: linear\nmodels:\n\t- model: m/one\n"),
              AllOf(HasSubstr("CFG002"), HasSubstr("\xE2\x86\x92- model: m/one"),
                    HasSubstr("line 3 is indented with a tab: YAML takes spaces alone")));
  EXPECT_THAT(report_on("merge_method: linear\nmodels:\n  - model: a\n    parameters:\n\tweight: 1\n"),
              HasSubstr("line 5 is indented with a tab"));
  EXPECT_THAT(report_on("merge_method: linear\nmodels:\n  - model: a\n    parameters:\n\n\t# why\n \tweight: 1\n"),
              HasSubstr("line 7 is indented with a tab"));
}

TEST(Slips, MarksOfMarkdown) {
  EXPECT_THAT(report_on("```yaml\n" + good + "```\n"), HasSubstr("line 1 is a mark of Markdown"));
  EXPECT_THAT(report_on(good + "```\n"), HasSubstr("line 3 is a mark of Markdown"));
}

TEST(Slips, NoSpaceAfterTheColon) {
  EXPECT_THAT(report_on("merge_method: ties\nbase_model:m/base\nmodels: [{model: a}]\n"),
              AllOf(HasSubstr("CFG002"), HasSubstr("line 2: YAML wants a space after the colon")));
  EXPECT_THAT(report_on("merge_method: ties\nbase_model:m/base\n\n# all of them\nmodels: [{model: a}]\n"),
              HasSubstr("line 2: YAML wants a space after the colon"));
}

TEST(Slips, SpacesThatAreNoneToYaml) {
  EXPECT_THAT(report_on("merge_method: linear\nmodels:\n  - model: a\n\u00A0 \u00A0 parameters: {weight: 1}\n"),
              HasSubstr("there is a U+00A0 (no-break space) in it, which YAML takes for a letter"));
  EXPECT_THAT(report_on(good + "dtype\u00A0: float32\n"), AllOf(HasSubstr("CFG006"), HasSubstr("U+00A0")));
  EXPECT_THAT(report_on(good + "\u3000dtype: float32\n"), HasSubstr("U+3000"));
  EXPECT_THAT(report_on("\u200Bmerge_method: linear\nmodels: [{model: a}]\n"),
              AllOf(HasSubstr("CFG010"), HasSubstr("U+200B")));
  EXPECT_THAT(report_on(good + "parameters:\n  weight: 1\n\u00A0 density: 1\n  x: 1\n"),
              AllOf(HasSubstr("CFG002"), HasSubstr("line 5: there is a U+00A0")));
}

TEST(Slips, OtherSyntaxErrorsGetNoSuchHelp) {
  EXPECT_THAT(report_on("a: [1\nb: 2"), Not(HasSubstr("help")));
  EXPECT_THAT(report_on("model: http://x\nb: ]\n"), Not(HasSubstr("help")));
}

}  // namespace
}  // namespace stockpot::recipe
