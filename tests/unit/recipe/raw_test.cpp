// Raw recipes: models are weight files, named literally.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "complaints.hpp"

namespace stockpot::recipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> raw_complaints(const std::string& text) { return complaints(text, Dialect::raw); }

TEST(Raw, PathsAreNotSplit) {
  const MergeDocument merge =
      document("merge_method: linear\nbase_model: /w/b@1\nmodels: [{model: a+b*2.pt, key: k}, {model: '{path: x}'}]\n",
               Dialect::raw);
  const auto& sources = merge.modules.at(0).slices.at(0).sources;
  EXPECT_EQ(sources.at(0).model.path, "a+b*2.pt");
  EXPECT_EQ(sources.at(0).model.text, "a+b*2.pt");
  EXPECT_EQ(sources.at(0).key, "k");
  EXPECT_THAT(sources.at(0).model.adapters, IsEmpty());
  EXPECT_EQ(sources.at(1).model.path, "{path: x}");
  EXPECT_EQ(merge.base_model->path, "/w/b@1");
  EXPECT_EQ(merge.base_model->revision, "");
}

TEST(Raw, ModelsAreTexts) {
  EXPECT_THAT(raw_complaints("merge_method: linear\nmodels: [{model: {model: a}}]\n"),
              ElementsAre("2:18 error CFG020"));
  EXPECT_THAT(raw_complaints("merge_method: linear\nmodels: [{model: ''}]\n"), ElementsAre("2:18 error REF003"));
}

TEST(Raw, AListOfModelsIsNeeded) {
  EXPECT_THAT(raw_complaints("merge_method: linear\n"), ElementsAre("1:1 error CFG012"));
  EXPECT_THAT(raw_complaints("merge_method: linear\nmodels: []\n"), ElementsAre("1:1 error CFG012"));
  EXPECT_THAT(raw_complaints("merge_method: linear\nslices: [{sources: [{model: a, layer_range: [0, 1]}]}]\n"),
              ElementsAre("1:1 error CFG012", "2:1 warning CFG007"));
}

TEST(Raw, WhatBelongsToWholeModelsHasNoEffect) {
  EXPECT_THAT(raw_complaints(good + "tokenizer: {source: union}\nchat_template: auto\nmodules: {a: 1}\n"),
              ElementsAre("3:1 warning CFG007", "4:1 warning CFG007", "5:1 warning CFG007"));
  EXPECT_FALSE(document(good + "tokenizer_source: union\n", Dialect::raw).tokenizer.has_value());
  EXPECT_THAT(raw_complaints(good + "tokeniser: a\n"), ElementsAre("3:1 warning CFG006"));
}

TEST(Raw, RecipesAreOneMerge) {
  EXPECT_THAT(raw_complaints("layer_slices: [{model: a, start: 0, end: 1}]\n"), ElementsAre("1:1 error CFG010"));
  EXPECT_THAT(raw_complaints(good), IsEmpty());
  EXPECT_THAT(raw_complaints("name: a\n" + good + "---\n" + good), ElementsAre("5:1 error CFG015"));
}

TEST(Raw, RepeatedFilesNeedKeys) {
  EXPECT_THAT(raw_complaints("merge_method: linear\nmodels: [{model: a}, {model: a}]\n"),
              ElementsAre("2:22 error ARC023"));
}

TEST(Raw, ParametersAndTypesAreReadAsEverywhere) {
  const MergeDocument merge = document(
      good + "dtype: float32\nout_dtype: bfloat16\nparameters: {weight: 1}\nstockpot: {seed: 3}\n", Dialect::raw);
  EXPECT_EQ(merge.dtype, DType::f32);
  EXPECT_EQ(merge.out_dtype, DType::bf16);
  EXPECT_NE(merge.parameters.find("weight"), nullptr);
  EXPECT_EQ(merge.extensions.seed, 3u);
  EXPECT_EQ(merge.text, good + "dtype: float32\nout_dtype: bfloat16\nparameters: {weight: 1}\nstockpot: {seed: 3}\n");
}

}  // namespace
}  // namespace stockpot::recipe
