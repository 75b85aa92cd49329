// Reading without throwing: mistakes stand beside what could be read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "complaints.hpp"

namespace stockpot::recipe {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ReadRecipe, LeavesMistakesWithWhatCouldBeRead) {
  const Recipe recipe =
      read_recipe("r.yml", "merge_method: linear\nmodels: [{model: a}, {model: b@}, {model: c}]\ndtype: bfloat\n");
  EXPECT_TRUE(recipe.diagnostics.has_errors());
  ASSERT_EQ(recipe.documents.size(), 1u);
  const auto& sources = recipe.documents[0].modules.at(0).slices.at(0).sources;
  ASSERT_EQ(sources.size(), 2u);
  EXPECT_EQ(sources[1].model.text, "c");
  EXPECT_EQ(recipe.documents[0].dtype, std::nullopt);
  EXPECT_THAT(recipe.diagnostics.report(), HasSubstr("r.yml:2:30: error[REF003]"));
  EXPECT_THAT(recipe.diagnostics.report(), HasSubstr("r.yml:3:8: error[CFG060]"));
}

TEST(ReadRecipe, DoesNotThrowWhereNothingCanBeRead) {
  for (const char* text : {"", "\xFF", "a: [", "- a\n", "&x [*x]\n", "experts: []\n", "--- a\n--- b\n"}) {
    const Recipe recipe = read_recipe("r.yml", text);
    EXPECT_TRUE(recipe.diagnostics.has_errors()) << text;
    EXPECT_THAT(recipe.documents, IsEmpty()) << text;
    EXPECT_EQ(recipe.text, text);
  }
}

TEST(ReadRecipe, OfDocumentsWithoutModelsOnlyTheAnchorFails) {
  const Recipe recipe = read_recipe("r.yml", "merge_method: linear\nmodules: {a: {}}\n---\nmerge_method: linear\n");
  ASSERT_EQ(recipe.documents.size(), 2u);
  for (const MergeDocument& document : recipe.documents) {
    EXPECT_THAT(document.models(), IsEmpty());
    EXPECT_THROW(document.anchor(), Error);
  }
}

TEST(ReadRecipe, FindsTheAnchorBehindEmptySlices) {
  const Recipe recipe = read_recipe(
      "r.yml", "merge_method: linear\nslices: [{sources: []}, {sources: [{model: a, layer_range: [0, 1]}]}]\n");
  EXPECT_EQ(recipe.documents.at(0).anchor().text, "a");
}

TEST(ReadRecipe, WarningsAreNoErrorsEvenUnderStrict) {
  const Recipe recipe = read_recipe("r.yml", good + "extra: 1\nstockpot: {strict: true}\n");
  EXPECT_FALSE(recipe.diagnostics.has_errors());
  EXPECT_THROW(parse_recipe("r.yml", recipe.text), Error);
}

TEST(ReadRecipe, OneDocumentsStrictnessHoldsForTheFile) {
  EXPECT_THROW(parse_recipe("r.yml", "name: s\nextra: 1\n" + good + "---\n" + good + "stockpot: {strict: true}\n"),
               Error);
}

}  // namespace
}  // namespace stockpot::recipe
