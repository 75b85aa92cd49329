#include "recipe/recipe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "complaints.hpp"

namespace stockpot::recipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> names(const std::vector<ModelReference>& models) {
  std::vector<std::string> texts;
  for (const ModelReference& model : models) texts.push_back(model.text);
  return texts;
}

TEST(Recipe, ModelsAreOneUnnamedModuleOfOneSlice) {
  const MergeDocument merge = document(
      "merge_method: ties\nbase_model: p\nmodels:\n  - model: a\n    parameters: {weight: 1}\n  - {model: b, key: "
      "second}\n");
  ASSERT_EQ(merge.modules.size(), 1u);
  EXPECT_EQ(merge.modules[0].name, "");
  ASSERT_EQ(merge.modules[0].slices.size(), 1u);
  const auto& sources = merge.modules[0].slices[0].sources;
  ASSERT_EQ(sources.size(), 2u);
  EXPECT_EQ(sources[0].model.path, "a");
  EXPECT_EQ(sources[0].layers, std::nullopt);
  EXPECT_EQ(sources[0].key, "a");
  EXPECT_EQ(sources[0].at, (Position{4, 5}));
  EXPECT_NE(sources[0].parameters.find("weight"), nullptr);
  EXPECT_EQ(sources[1].key, "second");
}

TEST(Recipe, PlacesOfScalarsAreKept) {
  const MergeDocument merge =
      document("merge_method: linear\nmodels: [{model: a}]\nbase_model: p\ndtype: torch.float32\nout_dtype: bf16\n");
  EXPECT_EQ(merge.method, "linear");
  EXPECT_EQ(merge.method_at, (Position{1, 15}));
  EXPECT_EQ(merge.base_model->at, (Position{3, 13}));
  EXPECT_EQ(merge.dtype, DType::f32);
  EXPECT_EQ(merge.dtype_at, (Position{4, 8}));
  EXPECT_EQ(merge.out_dtype, DType::bf16);
  EXPECT_EQ(merge.out_dtype_at, (Position{5, 12}));
}

TEST(Recipe, TheBaseIsLastAmongTheModelsUnlessItIsListed) {
  EXPECT_THAT(names(document(good + "base_model: p\n").models()), ElementsAre("a", "b", "p"));
  EXPECT_THAT(names(document(good + "base_model: a\n").models()), ElementsAre("a", "b"));
  EXPECT_THAT(names(document(good).models()), ElementsAre("a", "b"));
}

TEST(Recipe, TheAnchorIsTheBaseOrTheFirstModel) {
  EXPECT_EQ(document(good + "base_model: p\n").anchor().text, "p");
  EXPECT_EQ(document(good).anchor().text, "a");
}

TEST(Recipe, AModelMayRepeatUnderAnotherKey) {
  EXPECT_THAT(names(document("merge_method: linear\nmodels: [{model: a}, {model: a, key: again}]\n").models()),
              ElementsAre("a"));
}

TEST(Recipe, ARepeatedModelIsAnErrorThatNamesBothLines) {
  const std::string text = "merge_method: linear\nmodels:\n- model: a\n- model: b\n- model: a\n";
  EXPECT_THAT(complaints(text), ElementsAre("5:3 error ARC023"));
  EXPECT_THAT(report_on(text), HasSubstr("model 'a' is listed at line 3 and again at line 5"));
}

TEST(Recipe, WithoutAMethodItIsNoRecipe) {
  EXPECT_THAT(complaints("merge_metod: linear\nmodels: [{model: a}]\n"), ElementsAre("1:1 error CFG010"));
  EXPECT_THAT(report_on("merge_metod: linear\n"), HasSubstr("did you mean 'merge_method'?"));
  EXPECT_THAT(report_on("layer_slice: []\n"), HasSubstr("did you mean 'layer_slices'?"));
  EXPECT_THAT(report_on("expert: []\n"), HasSubstr("did you mean 'experts'?"));
  EXPECT_THAT(complaints(""), ElementsAre("error CFG010"));
  EXPECT_THAT(complaints("# nothing\n"), ElementsAre("error CFG010"));
}

TEST(Recipe, IsAMapping) {
  EXPECT_THAT(complaints("- a\n"), ElementsAre("1:1 error CFG020"));
  EXPECT_THAT(complaints("hello\n"), ElementsAre("1:1 error CFG020"));
}

TEST(Recipe, ExactlyOneKeySaysWhatIsMerged) {
  EXPECT_THAT(complaints("merge_method: linear\n"), ElementsAre("1:1 error CFG012"));
  EXPECT_THAT(complaints("merge_method: linear\nmodels: []\nslices: ~\nmodules: {}\n"),
              ElementsAre("1:1 error CFG012"));
  EXPECT_THAT(complaints(good + "slices: []\n"), IsEmpty());
  EXPECT_THAT(complaints(good + "slices: [{sources: []}]\n"), ElementsAre("3:1 error CFG012"));
  EXPECT_THAT(report_on(good + "slices: [{sources: []}]\n"), HasSubstr("'models' and 'slices' are both given"));
  EXPECT_THAT(complaints(good + "modules: {a: {models: [{model: a}]}}\n"), ElementsAre("3:1 error CFG012"));
}

TEST(Recipe, EightBitsAreForTheOutputAlone) {
  EXPECT_EQ(document(good + "out_dtype: float8_e4m3fn\n").out_dtype, DType::f8_e4m3);
  EXPECT_EQ(document(good + "out_dtype: torch.float8_e5m2\n").out_dtype, DType::f8_e5m2);
  EXPECT_THAT(complaints(good + "dtype: float8_e4m3fn\n"), ElementsAre("3:8 error CFG060"));
  EXPECT_THAT(report_on(good + "dtype: float8_e4m3fn\n"), HasSubstr("a type for 'out_dtype' alone"));
  EXPECT_THAT(report_on(good + "out_dtype: float8_e4m3\n"), HasSubstr("did you mean 'float8_e4m3fn'"));
  EXPECT_THAT(complaints(good + "out_dtype: float8_e8m0fnu\n"), ElementsAre("3:12 error CFG060"));
}

TEST(Recipe, TokenizerAndItsOldFormExcludeEachOther) {
  EXPECT_THAT(complaints(good + "tokenizer: {source: base}\ntokenizer_source: base\n"),
              ElementsAre("4:1 error CFG013"));
}

TEST(Recipe, AChatTemplateIsAText) {
  const MergeDocument merge = document(good + "chat_template: chatml\n");
  EXPECT_EQ(merge.chat_template, "chatml");
  EXPECT_EQ(merge.chat_template_at, (Position{3, 16}));
  EXPECT_EQ(document(good + "chat_template: |\n  {{ x }}\n  y\n").chat_template, "{{ x }}\ny\n");
  EXPECT_EQ(document(good + "chat_template: ''\n").chat_template, std::nullopt);
  EXPECT_THAT(complaints(good + "chat_template: [a]\n"), ElementsAre("3:16 error CFG020"));
}

TEST(Recipe, ModelsOfTheTokenizerAloneComeLast) {
  EXPECT_THAT(names(document(good + "base_model: p\ntokenizer: {source: q, tokens: {x: {source: b}}}\n").models()),
              ElementsAre("a", "b", "p", "q"));
  EXPECT_THAT(names(document(good + "tokenizer_source: q\nbase_model: p\n").models()), ElementsAre("a", "b", "p", "q"));
  EXPECT_THAT(names(document(good + "tokenizer_source: base\n").models()), ElementsAre("a", "b"));
}

TEST(Recipe, UnknownKeysWarnWithWhatWasMeant) {
  EXPECT_THAT(complaints(good + "base_modle: p\n"), ElementsAre("3:1 warning CFG006"));
  EXPECT_THAT(report_on(good + "base_modle: p\n"), HasSubstr("did you mean 'base_model'?"));
  EXPECT_THAT(complaints("merge_method: linear\nmodels:\n- {model: a, wieght: 1}\n"),
              ElementsAre("3:14 warning CFG006"));
}

TEST(Recipe, WarningsStayWithTheRecipe) {
  const Recipe recipe = parse_recipe("r.yml", good + "extra: 1\n");
  EXPECT_EQ(recipe.path, "r.yml");
  EXPECT_EQ(recipe.text, good + "extra: 1\n");
  ASSERT_EQ(recipe.diagnostics.all().size(), 1u);
  EXPECT_EQ(recipe.diagnostics.all()[0].code, "CFG006");
}

TEST(Recipe, NodesOfTheWrongKindAreErrors) {
  EXPECT_THAT(complaints("merge_method: [linear]\nmodels: [{model: a}]\n"), ElementsAre("1:15 error CFG020"));
  EXPECT_THAT(complaints("merge_method: linear\nmodels: a\n"), ElementsAre("2:9 error CFG020"));
  EXPECT_THAT(report_on("merge_method: linear\nmodels: {a: 1}\n"), HasSubstr("expected a sequence, found a mapping"));
  EXPECT_THAT(complaints("merge_method: linear\nmodels: [a]\n"), ElementsAre("2:10 error CFG020"));
  EXPECT_THAT(complaints(good + "base_model: [p]\n"), ElementsAre("3:13 error CFG020"));
  EXPECT_THAT(complaints(good + "dtype: {a: b}\n"), ElementsAre("3:8 error CFG020"));
  EXPECT_THAT(complaints(good + "name: [n]\n"), ElementsAre("3:7 error CFG020"));
}

TEST(Recipe, TheNameOfAnOnlyDocumentIsIgnored) {
  EXPECT_EQ(document(good + "name: ../n\n").name, "");
  EXPECT_THAT(complaints(good + "name: ../n\n"), IsEmpty());
}

TEST(Recipe, AModelsEntryNeedsAModel) {
  EXPECT_THAT(complaints("merge_method: linear\nmodels:\n- parameters: {weight: 1}\n"),
              ElementsAre("3:3 error CFG005"));
}

TEST(Recipe, DtypesGoByTheirNames) {
  EXPECT_EQ(document(good + "dtype: torch.bfloat16\n").dtype, DType::bf16);
  EXPECT_EQ(document(good + "dtype: half\n").dtype, DType::f16);
  EXPECT_EQ(document(good + "out_dtype: float64\n").out_dtype, DType::f64);
  EXPECT_EQ(document(good + "dtype: ''\n").dtype, std::nullopt);
  EXPECT_THAT(complaints(good + "dtype: bfloat\n"), ElementsAre("3:8 error CFG060"));
  EXPECT_THAT(report_on(good + "dtype: bfloat\n"), HasSubstr("did you mean 'bfloat16'"));
  EXPECT_THAT(report_on(good + "dtype: bf-16\n"),
              HasSubstr("did you mean 'bf16'? There are float64, float32, float16, bfloat16"));
  EXPECT_THAT(report_on(good + "dtype: q4_k_m\n"), HasSubstr("there are float64, float32, float16, bfloat16"));
  EXPECT_THAT(report_on(good + "out_dtype: q4_k_m\n"), HasSubstr("bfloat16, float8_e4m3fn, float8_e5m2"));
  EXPECT_THAT(complaints(good + "dtype: int64\n"), ElementsAre("3:8 error CFG060"));
  EXPECT_THAT(complaints(good + "dtype: float8_e5m2\n"), ElementsAre("3:8 error CFG060"));
}

TEST(Recipe, AllMistakesComeInOneReport) {
  EXPECT_THAT(
      complaints("merge_method: slrep\nbase_model: a@b@c\nmodels: [{model: a}, {model: b, parameters: {t: []}}]\n"
                 "slices: []\ndtype: bfloat\ntokenizer: {source: union}\ntokenizer_source: base\n"),
      ElementsAre("2:13 error REF002", "3:49 error CFG043", "5:8 error CFG060", "7:1 error CFG013"));
}

}  // namespace
}  // namespace stockpot::recipe
