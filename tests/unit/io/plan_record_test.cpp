#include "io/plan_record.hpp"

#include <gmock/gmock.h>

namespace stockpot::io {
namespace {

using testing::ElementsAre;

const PlanRecord record{{{"seed", "1"}, {"model a", "x 12 bytes"}}, 4096, 12, 50000};

TEST(PlanRecord, SurvivesItsTextForm) {
  const auto read = parse_plan_record(to_json(record));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->facts, record.facts);
  EXPECT_EQ(read->unit_bytes, 4096u);
  EXPECT_EQ(read->units, 12u);
}

TEST(PlanRecord, OtherTextIsNone) {
  const std::string whole = to_json(record);
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("[]"), whole.substr(0, whole.size() / 2),
        std::string(R"({"schema":"stockpot-plan-1","facts":[1]})")}) {
    EXPECT_FALSE(parse_plan_record(text)) << text;
  }
}

TEST(PlanRecord, NumbersAreWholeAndNotNegative) {
  for (const char* number : {"-1", "1.5", "1e300", "18446744073709551616", "\"1\"", "null"}) {
    const auto text = std::string(R"({"schema":"stockpot-plan-1","units":1,"output_bytes":1,"facts":[],"unit_bytes":)");
    EXPECT_FALSE(parse_plan_record(text + number + "}")) << number;
    EXPECT_TRUE(parse_plan_record(text + "1}"));
  }
}

TEST(PlanRecord, DigestsTellNamesFromValues) {
  EXPECT_NE(digest_of({{"a", "b c"}}), digest_of({{"a b", "c"}}));
  EXPECT_NE(digest_of({{"a", "b"}, {"c", "d"}}), digest_of({{"c", "d"}, {"a", "b"}}));
}

TEST(PlanRecord, DifferencesAreSaid) {
  EXPECT_THAT(differences({{"seed", "1"}, {"gone", "x"}, {"recipe", std::string(200, 'r')}},
                          {{"seed", "2"}, {"recipe", std::string(200, 's')}, {"born", "y"}}),
              ElementsAre("seed: was 1, is 2", "recipe differs", "born: new", "gone: gone"));
  EXPECT_TRUE(differences(record.facts, record.facts).empty());
}

}  // namespace
}  // namespace stockpot::io
