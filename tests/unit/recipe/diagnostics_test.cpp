#include "recipe/diagnostics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stockpot::recipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Diagnostics, QuoteTheLineUnderTheMessage) {
  Diagnostics diagnostics("cfg.yml", "merge_method: linear\nmodels:\n  - model: org/b\n");
  diagnostics.error("CFG041", {3, 5}, "parameter 'weight' has no value for model 'org/b'", "add it under this model");
  EXPECT_EQ(diagnostics.report(),
            "cfg.yml:3:5: error[CFG041]: parameter 'weight' has no value for model 'org/b'\n"
            "   3 |   - model: org/b\n"
            "     |     ^\n"
            "   = help: add it under this model");
}

TEST(Diagnostics, ThoseWithoutAPlaceQuoteNothing) {
  Diagnostics diagnostics("cfg.yml", "");
  diagnostics.error("CFG010", {}, "the recipe is empty");
  EXPECT_EQ(diagnostics.report(), "cfg.yml: error[CFG010]: the recipe is empty");
}

TEST(Diagnostics, SayWhereAnAliasStands) {
  Diagnostics diagnostics("cfg.yml", "a: &x 1\nb: *x\n");
  diagnostics.error("CFG021", {1, 4, 2, 1}, "bad");
  EXPECT_THAT(diagnostics.report(), HasSubstr("cfg.yml:1:4: error[CFG021]: bad (used at 2:1)"));
}

TEST(Diagnostics, ComeInTheOrderOfTheirPlacesEachOnce) {
  Diagnostics diagnostics("c", "a\nb\nc\n");
  diagnostics.error("CFG002", {3, 1}, "third");
  diagnostics.warn("CFG003", {1, 1}, "first");
  diagnostics.error("CFG002", {3, 1}, "third");
  EXPECT_EQ(diagnostics.report(),
            "c:1:1: warning[CFG003]: first\n   1 | a\n     | ^\n"
            "c:3:1: error[CFG002]: third\n   3 | c\n     | ^");
}

TEST(Diagnostics, ShowTwentyAndCountTheRest) {
  Diagnostics diagnostics("c", "");
  for (int line = 1; line <= 23; ++line) diagnostics.error("CFG006", {line, 1}, "unknown");
  EXPECT_THAT(diagnostics.report(), HasSubstr("c:20:1:"));
  EXPECT_THAT(diagnostics.report(), Not(HasSubstr("c:21:1:")));
  EXPECT_THAT(diagnostics.report(), HasSubstr("... and 3 more"));
}

TEST(Diagnostics, WarningsCanBeLeftOut) {
  Diagnostics diagnostics("c", "");
  diagnostics.warn("CFG006", {}, "unknown");
  EXPECT_EQ(diagnostics.report(Severity::error), "");
}

TEST(Diagnostics, ErrorsThrowAndWarningsDoUnderStrict) {
  Diagnostics diagnostics("c", "");
  EXPECT_NO_THROW(diagnostics.throw_if_errors(true));
  diagnostics.warn("CFG006", {}, "unknown");
  EXPECT_NO_THROW(diagnostics.throw_if_errors());
  try {
    diagnostics.throw_if_errors(true);
    ADD_FAILURE() << "did not throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::recipe);
    EXPECT_EQ(error.class_code(), "CFG006");
    EXPECT_STREQ(error.what(), "c: error[CFG006]: unknown");
  }
}

TEST(Diagnostics, TabsAreSeenAndCaretsCountThemAsOneColumn) {
  Diagnostics diagnostics("c", "\t\xC3\xA9: x\n");
  diagnostics.error("CFG006", {1, 5}, "bad");
  EXPECT_THAT(diagnostics.report(), HasSubstr("   1 | \xE2\x86\x92\xC3\xA9: x\n     |     ^"));
}

TEST(Diagnostics, OfALongLineTheNeighbourhoodIsShown) {
  Diagnostics diagnostics("c", std::string(1'000'000, 'a') + "Z" + std::string(1'000'000, 'b'));
  diagnostics.error("CFG006", {1, 1'000'001}, "bad");
  const std::string report = diagnostics.report();
  EXPECT_LT(report.size(), 400u);
  EXPECT_THAT(report, HasSubstr("aaZbb"));
}

TEST(Diagnostics, ControlCharactersOfTheRecipeDoNotReachTheTerminal) {
  Diagnostics diagnostics("c", "");
  diagnostics.error("CFG006", {}, "\x1b[31m");
  EXPECT_THAT(diagnostics.report(), HasSubstr("\\x1b[31m"));
}

TEST(InQuotes, LongNamesAreCutBetweenCharacters) {
  EXPECT_EQ(in_quotes("abc"), "'abc'");
  std::string sixty, seventy;
  for (int i = 0; i < 70; ++i) (i < 60 ? sixty : seventy) += "\xC3\xA9";
  EXPECT_EQ(in_quotes(sixty + seventy), "'" + sixty + "...'");
}

}  // namespace
}  // namespace stockpot::recipe
