#include "core/remark.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stockpot {
namespace {

using testing::ElementsAre;

Remark placed() {
  Remark remark = remark_of("filter matches no tensor");
  remark.code = "CFG046";
  remark.file = "cfg.yml";
  remark.line = 7;
  remark.column = 15;
  return remark;
}

std::vector<std::string> messages(const std::vector<Remark>& remarks) {
  std::vector<std::string> texts;
  for (const Remark& remark : remarks) texts.push_back(remark.message);
  return texts;
}

TEST(Remark, ReadsAsPlaceSeverityCodeAndSentence) {
  Remark remark = placed();
  EXPECT_EQ(to_text(remark), "cfg.yml:7:15: warning[CFG046]: filter matches no tensor");
  remark.line = 0;
  EXPECT_EQ(to_text(remark), "cfg.yml: warning[CFG046]: filter matches no tensor");
  remark.file.clear();
  remark.severity = Severity::info;
  remark.help = "try 'mlp'";
  EXPECT_EQ(to_text(remark), "info[CFG046]: filter matches no tensor\n   = help: try 'mlp'");
}

TEST(Remark, ALineMayBeginWithItsCode) {
  EXPECT_EQ(to_text(remark_of("ARC032: no place")), "warning[ARC032]: no place");
  EXPECT_EQ(to_text(remark_of("ARC03: no place")), "warning: ARC03: no place");
  EXPECT_EQ(to_text(remark_of("no place")), "warning: no place");
  EXPECT_EQ(to_text(remark_about("org/b", "REF025: other base")), "warning[REF025]: org/b: other base");
}

TEST(Remark, ShowsNoControlCharacters) { EXPECT_EQ(to_text(remark_of("\x1b[2J")), "warning: \\x1b[2J"); }

TEST(Remark, OfManyErrorsAreShownFirst) {
  std::vector<Remark> many;
  for (int i = 0; i < 5; ++i) many.push_back(remark_of("w" + std::to_string(i)));
  many.push_back(remark_of("e", Severity::error));
  EXPECT_THAT(messages(first_of(many, 3)), ElementsAre("w0", "w1", "e", "... and 3 more"));
  EXPECT_THAT(messages(first_of(many, 1, "of X")), ElementsAre("e", "... and 5 more of X"));
  EXPECT_EQ(first_of(many, 6), many);
}

TEST(Remark, WarningsAreWhatIsNoInfo) {
  EXPECT_FALSE(has_warnings({}));
  EXPECT_FALSE(has_warnings({remark_of("decided", Severity::info)}));
  EXPECT_TRUE(has_warnings({remark_of("decided", Severity::info), remark_of("odd")}));
}

TEST(Remark, TravelsToAnotherRankUnchanged) {
  Remark remark = placed();
  remark.facts = {{"tensor", "w"}, {"model", "b"}};
  remark.shown = "shown";
  EXPECT_EQ(unpack_remarks(pack({remark, placed()})), (std::vector{remark, placed()}));
}

}  // namespace
}  // namespace stockpot
