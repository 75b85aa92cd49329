// Recipes made to break a parser: each must get its answer within a second, without much memory.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "complaints.hpp"

namespace stockpot::recipe {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::size_t limit_bytes = std::size_t{8} << 20;

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  all.reserve(text.size() * times);
  while (times-- > 0) all += text;
  return all;
}

/// The answer is meant to come within a second. A recipe that breaks the parser takes minutes, so a slow machine or a
/// sanitizer need not fail here.
constexpr double patience_seconds = 20.0;

/// Processor time, so that a busy machine does not count.
class Stopwatch {
 public:
  double seconds() const { return static_cast<double>(std::clock() - start_) / CLOCKS_PER_SEC; }

 private:
  std::clock_t start_ = std::clock();
};

/// "error CFG002": severity and code of the only diagnostic, which must come within a second.
std::string answer(const std::string& text) {
  const Stopwatch stopwatch;
  const auto found = complaints(text);
  EXPECT_LT(stopwatch.seconds(), patience_seconds);
  EXPECT_EQ(found.size(), 1u) << report_on(text);
  return found.empty() ? "" : found[0].substr(found[0].find_first_of("we"));
}

TEST(Hostile, TenThousandLevelsOfNesting) {
  EXPECT_EQ(answer(std::string("a: ") + repeated("[", 10'000)), "error CFG002");
  EXPECT_EQ(answer(std::string("a: ") + repeated("[", 10'000) + repeated("]", 10'000)), "error CFG002");
  EXPECT_EQ(answer(std::string("a: ") + repeated("{a: ", 10'000)), "error CFG002");
  EXPECT_EQ(answer(repeated("- ", 10'000)), "error CFG002");
  EXPECT_EQ(answer(repeated("? ", 10'000)), "error CFG002");
}

TEST(Hostile, SixtyFourLevelsAreRead) {
  EXPECT_THAT(complaints(good + "x: " + repeated("[", 63) + repeated("]", 63) + "\n"),
              ElementsAre("3:1 warning CFG006"));
  EXPECT_THAT(complaints(good + "x: " + repeated("[", 64) + repeated("]", 64) + "\n"),
              ElementsAre("3:67 error CFG002"));
}

TEST(Hostile, DepthThatOnlyAliasesUnfold) {
  std::string text = "a0: &a0 [1]\n";
  for (int i = 1; i < 80; ++i) text += fmt::format("a{}: &a{} [*a{}]\n", i, i, i - 1);
  EXPECT_EQ(answer(text), "error CFG002");
}

TEST(Hostile, EightMebibytesOfBrackets) {
  EXPECT_EQ(answer(repeated("[", limit_bytes)), "error CFG001");
  EXPECT_EQ(answer(repeated("[]", limit_bytes / 2)), "error CFG001");
  EXPECT_EQ(answer(std::string("[") + repeated("1,", limit_bytes / 2 - 1)), "error CFG001");
  EXPECT_EQ(answer(repeated("{", limit_bytes)), "error CFG001");
}

TEST(Hostile, AnExponentialBombOfAliases) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 20; ++i) {
    text += fmt::format("a{}: &a{} [{}]\n", i, i, repeated(fmt::format("*a{}, ", i - 1), 10));
  }
  EXPECT_EQ(answer(text), "error CFG001");
}

TEST(Hostile, ALongTextUnfoldedOften) {
  EXPECT_EQ(answer(std::string("a: &a ") + repeated("x", 1'000'000) + "\nb: [" + repeated("*a, ", 1000) + "]\n"),
            "error CFG001");
}

TEST(Hostile, ABombOfMergeKeys) {
  std::string text = "a: &a {";
  for (int i = 0; i < 5000; ++i) text += fmt::format("k{}: 1, ", i);
  text += "}\nb:\n" + repeated("  - {<<: *a}\n", 5000);
  EXPECT_EQ(answer(text), "error CFG001");
}

TEST(Hostile, TooManyNodes) { EXPECT_EQ(answer(std::string("x:\n") + repeated("- 1\n", 200'000)), "error CFG001"); }

TEST(Hostile, TooManyLines) {
  EXPECT_EQ(answer(repeated("x\n", limit_bytes / 2)), "error CFG001");
  EXPECT_EQ(answer(repeated("- 1\n", limit_bytes / 4)), "error CFG001");
}

TEST(Hostile, TooManyDocuments) {
  EXPECT_EQ(answer(repeated("---\n", 65)), "error CFG001");
  EXPECT_EQ(answer(repeated("---\n", 64)), "error CFG010");
}

TEST(Hostile, TooManyBytes) {
  EXPECT_EQ(answer(repeated("#", limit_bytes + 1)), "error CFG001");
  EXPECT_EQ(answer(repeated("#", limit_bytes)), "error CFG010");
}

TEST(Hostile, AScalarAboveOneMebibyte) {
  EXPECT_EQ(answer(good + "name: " + repeated("x", (1 << 20) + 1)), "error CFG001");
  EXPECT_EQ(answer(repeated("x", limit_bytes)), "error CFG001");
  EXPECT_THAT(complaints(good + "name: " + repeated("x", 1 << 20)), IsEmpty());
}

TEST(Hostile, AnUnfinishedQuote) {
  EXPECT_EQ(answer(std::string("a: \"") + repeated("x", limit_bytes - 4)), "error CFG002");
}

TEST(Hostile, ThousandsOfMistakesShowTwenty) {
  std::string text = good;
  for (int i = 0; i < 50'000; ++i) text += fmt::format("key_{}: 1\n", i);
  const Stopwatch stopwatch;
  const std::string report = report_on(text);
  EXPECT_LT(stopwatch.seconds(), patience_seconds);
  EXPECT_THAT(report, HasSubstr("r.yml:22:1: warning[CFG006]: unknown key 'key_19'"));
  EXPECT_THAT(report, EndsWith("... and 49980 more"));
}

TEST(Hostile, ManyModelsOnOneLine) {
  std::string text = "merge_method: linear\nmodels: [";
  for (int i = 0; i < 25'000; ++i) text += fmt::format("{{model: m{}, parameters: {{weight: 1}}}}, ", i);
  const Stopwatch stopwatch;
  EXPECT_EQ(document(text + "]\n").models().size(), 25'000u);
  EXPECT_LT(stopwatch.seconds(), patience_seconds);
}

TEST(Hostile, RegularExpressionsThatUnfold) {
  std::string text = good + "parameters:\n  x:\n";
  for (int i = 0; i < 5'000; ++i) text += fmt::format("    - {{filter: 're:x{{{}}}', value: 1}}\n", 1000 + i % 100);
  EXPECT_EQ(answer(text), "error CFG001");
  std::string renames = good + "stockpot:\n  rename:\n";
  for (int i = 0; i < 5'000; ++i) renames += fmt::format("    - {{from: '(x{{30}}){{3{}}}', to: y}}\n", i % 10);
  EXPECT_EQ(answer(renames), "error CFG001");
}

TEST(Hostile, TwoMebibytesOfRecipe) {
  std::string text = "merge_method: passthrough\nslices:\n";
  for (std::uint64_t i = 0; text.size() < (std::size_t{2} << 20); ++i) {
    text +=
        fmt::format("- sources: [{{model: 'org/{:0>120}+lora*{}', layer_range: [{}, {}]}}]\n", "m", i + 2, i, i + 1);
  }
  const Stopwatch stopwatch;
  const MergeDocument merge = document(text);
  EXPECT_LT(stopwatch.seconds(), patience_seconds);
  EXPECT_GT(merge.modules.at(0).slices.size(), 10'000u);
  EXPECT_EQ(merge.models().size(), merge.modules.at(0).slices.size());
}

TEST(Hostile, FortyLevelsOfAnythingAreReadOrRefused) {
  for (const char* key : {"models", "slices", "modules", "tokenizer", "stockpot", "parameters", "base_model", "name"}) {
    for (const char* open : {"[", "{a: "}) {
      const std::string close = open[0] == '[' ? "]" : "}";
      const Stopwatch stopwatch;
      EXPECT_THAT(complaints("merge_method: linear\n" + std::string(key) + ": " + repeated(open, 40) +
                             repeated(close, 40) + "\n"),
                  Not(IsEmpty()));
      EXPECT_LT(stopwatch.seconds(), patience_seconds);
    }
  }
}

TEST(Hostile, AReferenceOfManyAdapters) {
  EXPECT_EQ(answer("merge_method: linear\nmodels: [{model: 'a" + repeated("+b@", 340'000) + "'}]\n"), "error REF003");
  EXPECT_EQ(document("merge_method: linear\nmodels: [{model: 'a" + repeated("+b", 500'000) + "'}]\n")
                .anchor()
                .adapters.size(),
            500'000u);
}

TEST(Hostile, ManyTokens) {
  std::string text = good + "tokenizer:\n  tokens:\n";
  for (int i = 0; i < 40'000; ++i) text += fmt::format("    t{}: {{source: b}}\n", i);
  const Stopwatch stopwatch;
  EXPECT_EQ(document(text).tokenizer->tokens.size(), 40'000u);
  EXPECT_LT(stopwatch.seconds(), patience_seconds);
}

TEST(Hostile, SixtyFourStagesInACycle) {
  std::string text;
  for (int i = 0; i < 64; ++i) {
    text += fmt::format("---\nname: s{}\nmerge_method: linear\nmodels: [{{model: s{}}}]\n", i, (i + 1) % 64);
  }
  EXPECT_EQ(answer(text), "error STG005");
}

TEST(Hostile, ATabIsNoIndentation) {
  EXPECT_EQ(answer("merge_method: linear\nmodels:\n\t- model: a\n"), "error CFG002");
}

TEST(Hostile, DuplicateKeysByTheThousand) {
  std::string text = good;
  for (int i = 0; i < 40'000; ++i) text += "dtype: float32\n";
  const Stopwatch stopwatch;
  EXPECT_THAT(report_on(text), EndsWith("... and 39979 more"));
  EXPECT_LT(stopwatch.seconds(), patience_seconds);
}

}  // namespace
}  // namespace stockpot::recipe
