#include "app/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/error.hpp"
#include "support/remarks.hpp"

namespace stockpot::app {
namespace {

using test::texts;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Words = std::vector<std::string>;

const CommandLine line{.name = "stir",
                       .purpose = "Stirs.",
                       .arguments = {"POT", "[SPOON]"},
                       .groups = {{"stirring",
                                   {{.name = "threads",
                                     .value_name = "N",
                                     .help = "how many",
                                     .also = {"j", "num-threads"},
                                     .variable = "STOCKPOT_THREADS"},
                                    {.name = "memory", .value_name = "SIZE"},
                                    {.name = "place", .takes = Takes::values, .value_name = "DIR"},
                                    {.name = "strict", .takes = Takes::toggle},
                                    {.name = "card", .takes = Takes::toggle, .on = true},
                                    {.name = "verbose", .takes = Takes::repeat, .also = {"v"}},
                                    {.name = "cuda", .takes = Takes::nothing_of_note, .also = {"gpu-rich"}},
                                    {.name = "device", .takes = Takes::value_of_no_note, .value_name = "NAME"}}}}};

Variables nothing_set() {
  return [](const std::string&) { return std::nullopt; };
}

Values values(Words words, const Variables& variables = nothing_set()) {
  words.insert(words.begin(), "pot");
  return read_line(line, words, variables).value();
}

Error mistake(const Words& words) {
  try {
    read_line(line, words, nothing_set());
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return Error(ErrorKind::internal, "none");
}

template <class Read>
Error mistake_of(Read read) {
  try {
    read();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return Error(ErrorKind::internal, "none");
}

TEST(Options, EverySpellingSetsTheSameOption) {
  for (const Words& words :
       {Words{"--threads", "3"}, Words{"--threads=3"}, Words{"-j", "3"}, Words{"-j3"}, Words{"--num-threads", "3"}}) {
    EXPECT_EQ(values(words).number("threads"), 3u) << words.front();
  }
}

TEST(Options, LastValueCounts) { EXPECT_EQ(values({"-j1", "--threads", "2"}).number("threads"), 2u); }

TEST(Options, ListsKeepEveryValueInOrder) {
  EXPECT_THAT(values({"--place", "b", "--place=a"}).texts("place"), ElementsAre("b", "a"));
  EXPECT_THAT(values({}).texts("place"), IsEmpty());
}

TEST(Options, TogglesHaveANoFormAndTheLastOneCounts) {
  EXPECT_FALSE(values({}).on("strict"));
  EXPECT_TRUE(values({}).on("card"));
  EXPECT_TRUE(values({"--strict"}).on("strict"));
  EXPECT_FALSE(values({"--no-card"}).on("card"));
  EXPECT_FALSE(values({"--strict", "--no-strict"}).on("strict"));
  EXPECT_TRUE(values({"--no-card", "--card"}).on("card"));
}

TEST(Options, RepeatedLettersAreCounted) {
  EXPECT_EQ(values({}).times("verbose"), 0u);
  EXPECT_EQ(values({"-v"}).times("verbose"), 1u);
  EXPECT_EQ(values({"-vv"}).times("verbose"), 2u);
  EXPECT_EQ(values({"-v", "--verbose", "-v"}).times("verbose"), 3u);
}

TEST(Options, LineBeatsEnvironmentAndEnvironmentBeatsNothing) {
  const Variables five = [](const std::string& name) {
    return name == "STOCKPOT_THREADS" ? std::optional<std::string>("5") : std::nullopt;
  };
  EXPECT_EQ(values({}, five).number("threads"), 5u);
  EXPECT_EQ(values({"-j2"}, five).number("threads"), 2u);
  EXPECT_EQ(values({}).number("threads"), std::nullopt);
}

TEST(Options, BadValueFromTheEnvironmentIsBlamedOnTheVariable) {
  const Variables bad = [](const std::string& name) {
    return name == "STOCKPOT_THREADS" ? std::optional<std::string>("many") : std::nullopt;
  };
  const Error error = mistake_of([&] { values({}, bad).number("threads"); });
  EXPECT_THAT(error.what(), HasSubstr("STOCKPOT_THREADS: 'many'"));
}

TEST(Options, UnknownOptionNamesTheNearestOne) {
  const Error error = mistake({"pot", "--memroy", "1GB"});
  EXPECT_EQ(error.kind(), ErrorKind::usage);
  EXPECT_THAT(error.what(), HasSubstr("--memroy"));
  EXPECT_THAT(error.what(), HasSubstr("did you mean '--memory'"));
}

TEST(Options, AbbreviationIsNotGuessedAt) { EXPECT_EQ(mistake({"pot", "--mem", "1GB"}).kind(), ErrorKind::usage); }

TEST(Options, ArgumentsAreCounted) {
  EXPECT_THAT(mistake({}).what(), HasSubstr("POT is missing"));
  EXPECT_THAT(mistake({"a", "b", "c"}).what(), HasSubstr("'c'"));
  EXPECT_EQ(values({}).argument(1), std::nullopt);
  EXPECT_EQ(values({"spoon"}).argument(1), "spoon");
}

TEST(Options, WordsAfterTwoDashesAreArguments) { EXPECT_EQ(values({"--", "--strict"}).argument(1), "--strict"); }

TEST(Options, MissingValueAndSurplusValueAreErrors) {
  EXPECT_EQ(mistake({"pot", "--threads"}).kind(), ErrorKind::usage);
  EXPECT_EQ(mistake({"pot", "--strict=yes"}).kind(), ErrorKind::usage);
}

TEST(Options, NumbersAreWholeAndInRange) {
  for (const char* bad : {"-1", "1.5", "", "0x10", "18446744073709551616", "3 "}) {
    EXPECT_THROW(values({std::string("--threads=") + bad}).number("threads"), Error) << bad;
  }
  EXPECT_EQ(values({"-j18446744073709551615"}).number("threads"), 18446744073709551615u);
  EXPECT_THROW(values({"-j0"}).number("threads", 1), Error);
}

TEST(Options, SizesHaveUnits) {
  EXPECT_EQ(values({"--memory", "64MiB"}).size("memory"), 67108864u);
  EXPECT_THROW(values({"--memory", "5B"}).size("memory"), Error);
  EXPECT_EQ(values({"--memory", "5B"}).shard_size("memory"), 5'000'000'000u);
}

TEST(Options, ChoicesNameTheNearestOne) {
  EXPECT_EQ(values({"--memory", "b"}).choice("memory", {"a", "b"}), 1u);
  const Error error = mistake_of([] { values({"--memory", "propagat"}).choice("memory", {"error", "propagate"}); });
  EXPECT_THAT(error.what(), HasSubstr("did you mean 'propagate'"));
}

TEST(Options, OptionsWithoutEffectGiveOneNotice) {
  EXPECT_THAT(texts(values({}).notices()), IsEmpty());
  EXPECT_THAT(texts(values({"--cuda", "--device", "cuda:0"}).notices()), ElementsAre(HasSubstr("--cuda, --device")));
  EXPECT_THAT(texts(values({"--gpu-rich"}).notices()), ElementsAre(testing::EndsWith(": --gpu-rich")));
  EXPECT_THAT(texts(values({"--device", "cpu"}).notices()), IsEmpty());
  EXPECT_THAT(texts(values({"--no-cuda"}).notices()), IsEmpty());
}

TEST(Options, HelpNamesEverySpellingAndVariable) {
  const std::string text = help_text(line);
  for (const char* word : {"usage: stockpot stir POT [SPOON] [options]", "-j, --threads, --num-threads N",
                           "STOCKPOT_THREADS", "--[no-]strict", "--place DIR", "-v, --verbose"}) {
    EXPECT_THAT(text, HasSubstr(word));
  }
}

TEST(Options, HelpIsGivenInsteadOfAnything) {
  EXPECT_EQ(read_line(line, Words{"a", "b", "c", "--help"}, nothing_set()), std::nullopt);
}

TEST(Seconds, ReadPlainUnitsAndClocks) {
  EXPECT_EQ(parse_seconds("90"), 90u);
  EXPECT_EQ(parse_seconds("90s"), 90u);
  EXPECT_EQ(parse_seconds("15m"), 900u);
  EXPECT_EQ(parse_seconds("2h"), 7200u);
  EXPECT_EQ(parse_seconds("1d"), 86400u);
  EXPECT_EQ(parse_seconds("1:30"), 90u);
  EXPECT_EQ(parse_seconds("1:30:00"), 5400u);
}

TEST(Seconds, AmbiguousOrBrokenTimesAreNone) {
  for (const char* bad :
       {"", "m", "-1", "1.5", "1:60", "1:2:3:4", ":30", "1:", "5 m", "99999999999999999999d", "213503982334602d"}) {
    EXPECT_EQ(parse_seconds(bad), std::nullopt) << bad;
  }
}

const CommandLine choosing{
    .name = "merge",
    .purpose = "",
    .arguments = {"[RECIPE]", "[OUT]"},
    .groups = {{"g", {{.name = "verify", .takes = Takes::choice, .value_name = "V", .help = "", .implied = "usual"}}}}};

TEST(Options, AChoiceStandsForItsUsualValueWhenNoneIsGiven) {
  const auto asked = [](const Words& words) {
    return read_line(choosing, words, nothing_set())->text("verify").value_or("(absent)");
  };
  EXPECT_EQ(asked({}), "(absent)");
  EXPECT_EQ(asked({"--verify"}), "usual");
  EXPECT_EQ(asked({"--verify=other"}), "other");
  EXPECT_EQ(asked({"--no-verify"}), "none");
}

TEST(Options, AChoiceTakesNoValueWithoutAnEqualsSign) {
  for (const Words& words : {Words{"--verify", "recipe", "out"}, Words{"recipe", "--verify", "out"},
                             Words{"recipe", "out", "--verify"}, Words{"--verify", "--", "recipe", "out"}}) {
    const Values read = read_line(choosing, words, nothing_set()).value();
    EXPECT_EQ(read.text("verify"), "usual");
    EXPECT_EQ(read.argument(0), "recipe");
    EXPECT_EQ(read.argument(1), "out");
  }
  EXPECT_THROW(read_line(choosing, Words{"recipe", "out", "--verify="}, nothing_set()), Error);
}

}  // namespace
}  // namespace stockpot::app
