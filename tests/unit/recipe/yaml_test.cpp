// The YAML dialect, as recipes show it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "complaints.hpp"

namespace stockpot::recipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Yaml, OfADuplicateKeyTheLastWinsWithAWarning) {
  const std::string text = good + "dtype: float16\ndtype: float32\n";
  EXPECT_EQ(document(text).dtype, DType::f32);
  EXPECT_THAT(complaints(text), ElementsAre("4:1 warning CFG003"));
  EXPECT_THAT(report_on(text), HasSubstr("3:1"));
}

TEST(Yaml, ADuplicateKeyIsAnErrorUnderStrict) {
  EXPECT_THAT(complaints(good + "dtype: float16\ndtype: float32\nstockpot: {strict: true}\n"),
              ElementsAre("4:1 error CFG003"));
}

TEST(Yaml, ExplicitKeysWinOverMergedOnesWhereverTheyStand) {
  const MergeDocument merge = document(
      "p: &p {weight: 0.4, density: 0.3}\nmerge_method: ties\nmodels:\n"
      "  - {model: a, parameters: {weight: 0.7, <<: *p}}\n  - {model: b, parameters: {<<: *p, weight: 0.8}}\n");
  const auto& sources = merge.modules[0].slices[0].sources;
  EXPECT_EQ(sources[0].parameters.find("weight")->setting.cases[0].values[0], Scalar(0.7));
  EXPECT_EQ(sources[0].parameters.find("density")->setting.cases[0].values[0], Scalar(0.3));
  EXPECT_EQ(sources[1].parameters.find("weight")->setting.cases[0].values[0], Scalar(0.8));
}

TEST(Yaml, EarlierMergeSourcesWinOverLaterOnes) {
  const MergeDocument merge =
      document("x: &x {weight: 1}\ny: &y {weight: 2, density: 3}\n" + good + "parameters: {<<: [*x, *y]}\n");
  EXPECT_EQ(merge.parameters.find("weight")->setting.cases[0].values[0], Scalar(1.0));
  EXPECT_EQ(merge.parameters.find("density")->setting.cases[0].values[0], Scalar(3.0));
}

TEST(Yaml, AQuotedMergeKeyIsAnOrdinaryKey) {
  EXPECT_THAT(complaints(good + "\"<<\": {dtype: float32}\n"), ElementsAre("3:1 warning CFG006"));
}

TEST(Yaml, SeveralMergeKeysAreAllTakenAndTheFirstComesFirst) {
  const MergeDocument merge =
      document("x: &x {weight: 1}\ny: &y {weight: 2, density: 3}\n" + good + "parameters:\n  <<: *x\n  <<: *y\n");
  EXPECT_EQ(std::get<double>(merge.parameters.find("weight")->setting.cases.at(0).values.at(0)), 1.0);
  EXPECT_EQ(std::get<double>(merge.parameters.find("density")->setting.cases.at(0).values.at(0)), 3.0);
  EXPECT_THAT(complaints(good + "parameters: {<<: {weight: 1}, <<: {density: 1}}\n"), IsEmpty());
}

TEST(Yaml, OnlyMappingsCanBeMerged) {
  EXPECT_THAT(complaints(good + "parameters: {<<: 5}\n"), ElementsAre("3:18 error CFG020"));
  EXPECT_THAT(complaints(good + "parameters: {<<: [{}, 5]}\n"), ElementsAre("3:23 error CFG020"));
}

TEST(Yaml, BooleansAreNumbersInAnyCase) {
  EXPECT_EQ(scalar("yes"), Scalar(1.0));
  EXPECT_EQ(scalar("OFF"), Scalar(0.0));
  EXPECT_EQ(scalar("\"True\""), Scalar(1.0));
}

TEST(Yaml, IntegersMayHaveUnderscoresAndBases) {
  EXPECT_EQ(scalar("1_000"), Scalar(1000.0));
  EXPECT_EQ(scalar("0x10"), Scalar(16.0));
  EXPECT_EQ(scalar("010"), Scalar(8.0));
  EXPECT_EQ(scalar("'010'"), Scalar(10.0));
}

TEST(Yaml, Base60IsNoNumber) {
  EXPECT_THAT(complaints(good + "parameters: {x: 12:30}\n"), ElementsAre("3:17 error CFG021"));
  EXPECT_EQ(scalar("'12:30'"), Scalar("12:30"));
}

TEST(Yaml, FloatsAreReadAsYaml11And12WriteThem) {
  EXPECT_EQ(scalar("1e5"), Scalar(1e5));
  EXPECT_EQ(scalar(".5"), Scalar(0.5));
  EXPECT_EQ(scalar("+1"), Scalar(1.0));
  EXPECT_EQ(scalar("!!float 2"), Scalar(2.0));
}

TEST(Yaml, InfinitiesNanAndWhatIsTooLargeAreRefused) {
  EXPECT_THAT(complaints(good + "parameters: {x: .inf}\n"), ElementsAre("3:17 error CFG022"));
  EXPECT_THAT(complaints(good + "parameters: {x: [0, .nan]}\n"), ElementsAre("3:21 error CFG022"));
  EXPECT_THAT(complaints(good + "parameters: {x: 1e400}\n"), ElementsAre("3:17 error CFG021"));
}

TEST(Yaml, QuotedNumbersAreNumbers) { EXPECT_EQ(scalar("\"0.5\""), Scalar(0.5)); }

TEST(Yaml, NullIsAbsentForOptionalKeys) {
  const MergeDocument merge = document(good +
                                       "base_model: ~\ndtype: null\nout_dtype:\nparameters: ~\n"
                                       "tokenizer: ~\nchat_template:\nstockpot:\n");
  EXPECT_EQ(merge.base_model, std::nullopt);
  EXPECT_EQ(merge.dtype, std::nullopt);
  EXPECT_THAT(merge.parameters.entries, IsEmpty());
}

TEST(Yaml, NullIsAMistakeForRequiredKeys) {
  EXPECT_THAT(complaints("merge_method: ~\nmodels: [{model: }]\n"),
              ElementsAre("1:1 error CFG005", "2:11 error CFG005"));
}

TEST(Yaml, PathsAreTextWhateverTheyLookLike) {
  const MergeDocument merge =
      document("merge_method: linear\nmodels: [{model: 123}, {model: 7b}, {model: ~/models/x}]\n");
  const auto models = merge.models();
  EXPECT_EQ(models[0].path, "123");
  EXPECT_EQ(models[1].path, "7b");
  EXPECT_EQ(models[2].path, "~/models/x");
}

TEST(Yaml, ForeignTagsAreRefusedAndCoreOnesAreNot) {
  EXPECT_THAT(complaints(good + "x: !!python/object:os.system {}\n"), ::testing::Contains("3:4 error CFG004"));
  EXPECT_THAT(complaints(good + "dtype: !torch float32\n"), ElementsAre("3:8 error CFG004"));
  EXPECT_THAT(complaints(good + "dtype: !!str float32\nparameters: !!map {x: !!int 3}\n"), IsEmpty());
}

TEST(Yaml, TheTagNullMakesAScalarNull) { EXPECT_EQ(document(good + "dtype: !!null ''\n").dtype, std::nullopt); }

TEST(Yaml, EmptyDocumentsAreSkipped) {
  EXPECT_EQ(parse_recipe("r.yml", "---\n# nothing\n---\n" + good + "---\n~\n").documents.size(), 1u);
}

TEST(Yaml, DocumentsNeedASeparator) {
  const std::string flow = "{merge_method: linear, models: [{model: a}]}\n";
  EXPECT_THAT(complaints(flow), IsEmpty());
  EXPECT_THAT(complaints("{name: s, merge_method: linear, models: [{model: a}]}\n" + flow),
              ElementsAre("2:1 error CFG002"));
}

TEST(Yaml, AByteOrderMarkIsNoPartOfTheText) {
  EXPECT_EQ(document("\xEF\xBB\xBF" + good).method, "linear");
  EXPECT_THAT(complaints("\xEF\xBB\xBFmerge_metod: x\n"), ElementsAre("1:1 error CFG010"));
}

TEST(Yaml, WhatIsNotUtf8IsNotRead) {
  EXPECT_THAT(complaints("# \xC3\xA9\xFF\n"), ElementsAre("1:4 error CFG001"));
  EXPECT_THAT(complaints(good + "name: \xC0\xAF\n"), ElementsAre("3:7 error CFG001"));          // overlong '/'
  EXPECT_THAT(complaints(good + "name: \xED\xA0\x80\n"), ElementsAre("3:7 error CFG001"));      // a surrogate
  EXPECT_THAT(complaints(good + "name: \xF4\x90\x80\x80\n"), ElementsAre("3:7 error CFG001"));  // above U+10FFFF
  EXPECT_THAT(complaints(good + "name: \xE2\x82"), ElementsAre("3:7 error CFG001"));            // cut short
  EXPECT_THAT(complaints(good + "name: \xF0\x9F\x8D\xB2\n"), IsEmpty());
}

TEST(Yaml, ControlCharactersAreNotRead) {
  EXPECT_THAT(complaints(good + "\x04x: y\n"), ElementsAre("3:1 error CFG001"));
  EXPECT_THAT(complaints(good + std::string("na\0me: y\n", 9)), ElementsAre("3:3 error CFG001"));
}

TEST(Yaml, SyntaxErrorsShowTheParsersPlace) {
  EXPECT_THAT(complaints("merge_method: linear\nmodels: b: c\n"), ElementsAre("2:10 error CFG002"));
  EXPECT_THAT(complaints(good + "parameters: *nowhere\n"), ElementsAre("3:13 error CFG002"));
}

TEST(Yaml, ColumnsCountCharacters) {
  EXPECT_THAT(complaints(good + "parameters: {\xC3\xA9\xE2\x82\xAC: .inf}\n"), ElementsAre("3:18 error CFG022"));
  EXPECT_THAT(complaints(good + "# \xC3\xA9\r\nparameters: {x: .inf}\r\n"), ElementsAre("4:17 error CFG022"));
}

TEST(Yaml, MistakesInsideAnAliasShowItsAnchorAndItsUse) {
  const std::string text = "p: &p {weight: .inf}\n" + good + "parameters: *p\n";
  EXPECT_THAT(complaints(text), ElementsAre("1:1 warning CFG006", "1:16 error CFG022"));
  EXPECT_THAT(report_on(text), HasSubstr("error[CFG022]: parameters.weight: '.inf' is not finite (used at 4:1)"));
}

TEST(Yaml, MergedMistakesShowTheMergeKey) {
  EXPECT_THAT(report_on("p: &p {weight: .inf}\n" + good + "parameters: {<<: *p}\n"), HasSubstr("(used at 4:14)"));
}

TEST(Yaml, MistakesInAnAliasInAListShowTheAlias) {
  EXPECT_THAT(report_on("m: &m {model: a@b@c}\nmerge_method: linear\nmodels: [{model: a}, *m]\n"),
              HasSubstr("r.yml:1:15: error[REF002]: models[1].model: more than one '@' in 'a@b@c' (used at 3:22)"));
}

TEST(Yaml, PlacesReachedThroughAnAliasAreKeptForThePlanner) {
  const MergeDocument merge = document("p: &p {weight: 1}\n" + good + "parameters: *p\n");
  EXPECT_EQ(merge.parameters.entries[0].at, (Position{1, 8, 4, 1}));
}

TEST(Yaml, AnAnchorThatContainsItselfIsReported) {
  EXPECT_THAT(complaints(good + "parameters: &x [*x]\n"), ElementsAre("3:17 error CFG002"));
  EXPECT_THAT(complaints("&x\nmerge_method: linear\nmodels: [*x]\n"), ElementsAre("3:10 error CFG002"));
  EXPECT_THAT(complaints(good + "parameters: &x {<<: *x}\n"), ElementsAre("3:21 error CFG002"));
}

TEST(Yaml, KeysAreTexts) {
  EXPECT_THAT(complaints(good + "? [a]\n: b\n"), ElementsAre("3:3 error CFG020"));
  EXPECT_THAT(complaints(good + "parameters: {~: 1}\n"), ElementsAre("3:14 error CFG020"));
  EXPECT_THAT(complaints(good + "? " + std::string(1025, 'k') + "\n: b\n"), ElementsAre("3:3 error CFG020"));
}

TEST(Yaml, ADecimalCommaInBracesIsAnErrorWhereverItStands) {
  EXPECT_THAT(complaints(good + "parameters: {weight: 0,5}\n"), ElementsAre("3:22 error CFG021"));
  EXPECT_THAT(complaints(good + "parameters: {weight: 0, 5}\n"), ElementsAre("3:22 error CFG021"));
  EXPECT_THAT(complaints(good + "parameters: {a: [{filter: mlp, value: 0,5}], b: {value: -1,5}}\n"),
              ElementsAre("3:39 error CFG021", "3:57 error CFG021"));
  EXPECT_THAT(complaints(good + "parameters: {weight: 0,5, density: 0,5}\n"),
              ElementsAre("3:22 error CFG021", "3:36 error CFG021"));
  EXPECT_THAT(complaints("merge_method: linear\nmodels: [{model: {model: a, adapters: [{path: b, weight: 0,5}]}}]\n"),
              ElementsAre("2:58 error CFG021"));
  const std::string report = report_on(good + "parameters: {weight: 0,5}\n");
  EXPECT_THAT(report, HasSubstr("'weight': '0,5' is not a number"));
  EXPECT_THAT(report, HasSubstr("write a decimal point: 0.5"));
}

TEST(Yaml, NumbersAreKeysWhereNoNumberStandsBeforeThem) {
  EXPECT_THAT(complaints(good + "tokenizer: {tokens: {a: {}, 5: }}\n"), IsEmpty());
  EXPECT_THAT(complaints(good + "tokenizer: {tokens: {4, 5}}\n"), IsEmpty());
  EXPECT_THAT(complaints(good + "stockpot: {output: {metadata: {a: \"0\", 5: five}}}\n"), IsEmpty());
}

}  // namespace
}  // namespace stockpot::recipe
