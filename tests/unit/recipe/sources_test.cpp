#include "recipe/sources.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "complaints.hpp"

namespace stockpot::recipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

/// A recipe of one slice of one source with this range; the range begins at 3:38.
std::string with_range(const std::string& range) {
  return "merge_method: passthrough\nslices:\n- sources: [{model: a, layer_range: " + range + "}]\n";
}

std::pair<std::uint64_t, std::uint64_t> range(const std::string& written) {
  return document(with_range(written)).modules.at(0).slices.at(0).sources.at(0).layers.value();
}

TEST(Slices, AreOneUnnamedModule) {
  const MergeDocument merge = document(R"(merge_method: linear
slices:
  - sources:
      - {model: a, layer_range: [0, 16], parameters: {weight: 1}}
      - {model: b@v1, layer_range: [4, 20], key: second}
    base_model: p
    parameters: {weight: 2}
  - sources: [{model: a, layer_range: [16, 32]}]
)");
  EXPECT_EQ(merge.form, Form::slices);
  ASSERT_EQ(merge.modules.size(), 1u);
  EXPECT_EQ(merge.modules[0].name, "");
  ASSERT_EQ(merge.modules[0].slices.size(), 2u);
  const OutputSlice& first = merge.modules[0].slices[0];
  ASSERT_EQ(first.sources.size(), 2u);
  EXPECT_EQ(first.sources[0].model.text, "a");
  EXPECT_THAT(first.sources[0].layers.value(), Pair(0u, 16u));
  EXPECT_NE(first.sources[0].parameters.find("weight"), nullptr);
  EXPECT_EQ(first.sources[0].at, (Position{4, 9}));
  EXPECT_EQ(first.sources[0].key, "a");
  EXPECT_EQ(first.sources[1].model.revision, "v1");
  EXPECT_THAT(first.sources[1].layers.value(), Pair(4u, 20u));
  EXPECT_EQ(first.sources[1].key, "second");
  EXPECT_EQ(first.base_model.value().text, "p");
  EXPECT_NE(first.parameters.find("weight"), nullptr);
  EXPECT_EQ(first.at, (Position{3, 5}));
  EXPECT_EQ(merge.modules[0].slices[1].base_model, std::nullopt);
}

TEST(Slices, TheirBasesComeAfterAllSources) {
  const MergeDocument merge = document(R"(merge_method: linear
base_model: q
slices:
  - {sources: [{model: a, layer_range: [0, 1]}], base_model: p}
  - {sources: [{model: b, layer_range: [0, 1]}]}
)");
  std::vector<std::string> texts;
  for (const ModelReference& model : merge.models()) texts.push_back(model.text);
  EXPECT_THAT(texts, ElementsAre("a", "b", "p", "q"));
  EXPECT_EQ(merge.anchor().text, "q");
}

TEST(Slices, TheAnchorWithoutABaseIsTheFirstSource) { EXPECT_EQ(document(with_range("[0, 1]")).anchor().text, "a"); }

TEST(Slices, TheResidualWeightHasNoEffect) {
  EXPECT_THAT(complaints("merge_method: passthrough\nslices:\n- residual_weight: 0.5\n  sources: [{model: a, "
                         "layer_range: [0, 1]}]\n"),
              ElementsAre("3:3 warning CFG007"));
}

TEST(Slices, NeedSources) {
  EXPECT_THAT(complaints("merge_method: linear\nslices: [{parameters: {}}]\n"), ElementsAre("2:10 error CFG005"));
  EXPECT_THAT(complaints("merge_method: linear\nslices: [{sources: []}]\n"), ElementsAre("2:20 error CFG012"));
  EXPECT_THAT(complaints("merge_method: linear\nslices: [{sources: a}]\n"), ElementsAre("2:20 error CFG020"));
  EXPECT_THAT(complaints("merge_method: linear\nslices: {sources: a}\n"), ElementsAre("2:9 error CFG020"));
  EXPECT_THAT(complaints("merge_method: linear\nslices: [a]\n"), ElementsAre("2:10 error CFG020"));
  EXPECT_THAT(report_on("merge_method: linear\nmodels: [org/a]\n"), HasSubstr("write '{model: org/a}'"));
  EXPECT_THAT(report_on("merge_method: linear\nslices: [{sources: [org/a]}]\n"), HasSubstr("write '{model: org/a}'"));
}

TEST(Slices, SourcesNeedAModelAndARange) {
  EXPECT_THAT(complaints("merge_method: linear\nslices: [{sources: [{model: a}]}]\n"),
              ElementsAre("2:21 error CFG005"));
  EXPECT_THAT(complaints("merge_method: linear\nslices: [{sources: [{layer_range: [0, 1]}]}]\n"),
              ElementsAre("2:21 error CFG005"));
  EXPECT_THAT(complaints("merge_method: linear\nslices: [{sources: [{model: a, layer_range: [0, 1], layers: 3}]}]\n"),
              ElementsAre("2:53 warning CFG006"));
}

TEST(LayerRange, IsHalfOpenAndKeptAsWritten) { EXPECT_THAT(range("[12, 32]"), Pair(12u, 32u)); }

TEST(LayerRange, IntegralFloatsAndQuotedIntegersCount) {
  EXPECT_THAT(range("[0.0, 3.2e1]"), Pair(0u, 32u));
  EXPECT_THAT(range("['4', \"010\"]"), Pair(4u, 10u));
  EXPECT_THAT(range("[0x10, 1_000]"), Pair(16u, 1000u));
}

TEST(LayerRange, IsTwoWholeNumbers) {
  for (const char* wrong : {"[0]", "[0, 1, 2]", "[]", "5", "{start: 0, end: 1}"}) {
    EXPECT_THAT(complaints(with_range(wrong)), ElementsAre("3:37 error CFG030")) << wrong;
  }
  EXPECT_THAT(complaints(with_range("[a, 1]")), ElementsAre("3:38 error CFG030"));
  EXPECT_THAT(complaints(with_range("[0, [1]]")), ElementsAre("3:41 error CFG030"));
  EXPECT_THAT(complaints(with_range("[0, ~]")), ElementsAre("3:41 error CFG030"));
  EXPECT_THAT(complaints(with_range("[0, .inf]")), ElementsAre("3:41 error CFG030"));
  EXPECT_THAT(complaints(with_range("[0, 12:30]")), ElementsAre("3:41 error CFG030"));
  EXPECT_THAT(complaints(with_range("[0, 18446744073709551616]")), ElementsAre("3:41 error CFG030"));
}

TEST(LayerRange, LayersAreNotNegative) {
  EXPECT_THAT(complaints(with_range("[-1, 4]")), ElementsAre("3:38 error CFG031"));
  EXPECT_THAT(complaints(with_range("[0, -4.5]")), ElementsAre("3:41 error CFG031"));
}

TEST(LayerRange, RunsForwards) {
  EXPECT_THAT(complaints(with_range("[4, 3]")), ElementsAre("3:37 error CFG032"));
  EXPECT_THAT(report_on(with_range("[4, 3]")), HasSubstr("layers 4 to 3 run backwards"));
}

TEST(LayerRange, OfNoLayersIsAWarning) {
  EXPECT_THAT(complaints(with_range("[4, 4]")), ElementsAre("3:37 warning CFG032"));
  EXPECT_THAT(range("[4, 4]"), Pair(4u, 4u));
}

TEST(LayerRange, LayersAreWhole) { EXPECT_THAT(complaints(with_range("[0, 1.5]")), ElementsAre("3:41 error CFG033")); }

TEST(Modules, ListModelsOrSlicesEach) {
  const MergeDocument merge = document(R"(merge_method: linear
base_model: a
modules:
  encoder:
    models: [{model: a}, {model: b}]
    parameters: {weight: 1}
  decoder:
    slices: [{sources: [{model: a, layer_range: [0, 6]}]}, {sources: [{model: c, layer_range: [6, 12]}]}]
    models: []
)");
  EXPECT_EQ(merge.form, Form::modules);
  ASSERT_EQ(merge.modules.size(), 2u);
  EXPECT_EQ(merge.modules[0].name, "encoder");
  EXPECT_EQ(merge.modules[0].at, (Position{4, 3}));
  ASSERT_EQ(merge.modules[0].slices.size(), 1u);
  EXPECT_EQ(merge.modules[0].slices[0].sources.at(1).model.text, "b");
  EXPECT_EQ(merge.modules[0].slices[0].sources.at(1).layers, std::nullopt);
  EXPECT_NE(merge.modules[0].parameters.find("weight"), nullptr);
  EXPECT_EQ(merge.modules[1].name, "decoder");
  ASSERT_EQ(merge.modules[1].slices.size(), 2u);
  EXPECT_THAT(merge.modules[1].slices[1].sources.at(0).layers.value(), Pair(6u, 12u));
  std::vector<std::string> texts;
  for (const ModelReference& model : merge.models()) texts.push_back(model.text);
  EXPECT_THAT(texts, ElementsAre("a", "b", "c"));
}

TEST(Modules, ListExactlyOneOfThem) {
  EXPECT_THAT(complaints("merge_method: linear\nmodules:\n  text: {}\n"), ElementsAre("3:3 error CFG014"));
  EXPECT_THAT(complaints("merge_method: linear\nmodules:\n  text: {models: [], slices: ~}\n"),
              ElementsAre("3:3 error CFG014"));
  const std::string both =
      "merge_method: linear\nmodules:\n  text: {models: [{model: a}], slices: [{sources: [{model: a, layer_range: [0, "
      "1]}]}]}\n";
  EXPECT_THAT(complaints(both), ElementsAre("3:3 error CFG014"));
  EXPECT_THAT(report_on(both), HasSubstr("module 'text' has both 'models' and 'slices'"));
}

TEST(Modules, AreMappings) {
  EXPECT_THAT(complaints("merge_method: linear\nmodules: [a]\n"), ElementsAre("2:10 error CFG020"));
  EXPECT_THAT(complaints("merge_method: linear\nmodules: {a: [b]}\n"), ElementsAre("2:14 error CFG020"));
  EXPECT_THAT(complaints("merge_method: linear\nmodules: {a: ~}\n"), ElementsAre("2:14 error CFG020"));
  EXPECT_THAT(complaints("merge_method: linear\nmodules: {'': {models: [{model: a}]}}\n"),
              ElementsAre("2:11 error CFG020"));
  EXPECT_THAT(complaints("merge_method: linear\nmodules: {a: {models: [{model: a}], dtype: float32}}\n"),
              ElementsAre("2:37 warning CFG006"));
}

TEST(Repetitions, OfAModelInOneSliceNeedDifferentKeys) {
  const auto with = [](const std::string& second) {
    return "merge_method: linear\nslices:\n- sources:\n  - {model: a, layer_range: [0, 2]}\n  - {model: a, "
           "layer_range: "
           "[2, 4]" +
           second + "}\n";
  };
  EXPECT_THAT(complaints(with("")), ElementsAre("5:5 error ARC023"));
  EXPECT_THAT(complaints(with(", key: a")), ElementsAre("5:5 error ARC023"));
  EXPECT_THAT(complaints(with(", key: again")), IsEmpty());
  EXPECT_THAT(report_on(with("")), HasSubstr("model 'a' is listed at line 4 and again at line 5"));
}

TEST(Repetitions, AcrossSlicesAreTheRule) {
  EXPECT_THAT(complaints("merge_method: passthrough\nslices:\n- sources: [{model: a, layer_range: [0, 2]}]\n"
                         "- sources: [{model: a, layer_range: [0, 2]}]\n"),
              IsEmpty());
}

TEST(Repetitions, AreFoundInEveryModule) {
  EXPECT_THAT(complaints("merge_method: linear\nmodules:\n  x: {models: [{model: a}, {model: b}]}\n"
                         "  y: {models: [{model: a}, {model: a}]}\n"),
              ElementsAre("4:28 error ARC023"));
}

}  // namespace
}  // namespace stockpot::recipe
