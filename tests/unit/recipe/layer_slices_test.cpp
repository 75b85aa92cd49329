#include "recipe/layer_slices.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "complaints.hpp"

namespace stockpot::recipe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(LayerSlices, ArePassthroughSlicesOfOneSource) {
  const MergeDocument merge = document(R"(dtype: float16
layer_slices:
  - {model: a, start: 0, end: 20}
  - {model: b@v1, start: 10, end: 32, scale: 0.5}
)");
  EXPECT_EQ(merge.method, "passthrough");
  EXPECT_EQ(merge.method_at, (Position{2, 1}));
  EXPECT_EQ(merge.form, Form::slices);
  EXPECT_EQ(merge.dtype, DType::f16);
  ASSERT_EQ(merge.modules.size(), 1u);
  const auto& slices = merge.modules[0].slices;
  ASSERT_EQ(slices.size(), 2u);
  EXPECT_EQ(slices[0].sources.at(0).model.text, "a");
  EXPECT_THAT(slices[0].sources[0].layers.value(), Pair(0u, 20u));
  EXPECT_THAT(slices[0].sources[0].parameters.entries, IsEmpty());
  EXPECT_EQ(slices[1].sources.at(0).key, "b@v1");
  EXPECT_THAT(slices[1].sources[0].layers.value(), Pair(10u, 32u));
}

TEST(LayerSlices, ScaleTheDownProjectionAlone) {
  const MergeDocument merge = document("layer_slices: [{model: b, start: 10, end: 32, scale: 0.5}]\n");
  const Parameters::Entry& scale = *merge.modules[0].slices[0].sources[0].parameters.find("scale");
  EXPECT_EQ(scale.at, (Position{1, 47}));
  EXPECT_EQ(scale.setting.evaluate("model.layers.3.mlp.down_proj.weight", 0.0, Between::interpolate), Scalar(0.5));
  EXPECT_EQ(scale.setting.evaluate("model.layers.3.mlp.up_proj.weight", 0.0, Between::interpolate), std::nullopt);
}

TEST(LayerSlices, TakeTheEndsFromOtherModels) {
  const MergeDocument merge = document(R"(embedding_source: e
lm_head_source: h
layer_slices: [{model: a, start: 1, end: 2}]
)");
  const auto& slices = merge.modules.at(0).slices;
  ASSERT_EQ(slices.size(), 3u);
  EXPECT_EQ(slices[0].sources.at(0).model.text, "e");
  EXPECT_THAT(slices[0].sources[0].layers.value(), Pair(0u, 0u));
  EXPECT_EQ(slices[1].sources.at(0).model.text, "a");
  EXPECT_EQ(slices[2].sources.at(0).model.text, "h");
  EXPECT_THAT(slices[2].sources[0].layers.value(), Pair(0u, 0u));
  EXPECT_EQ(slices[2].at, (Position{2, 17}));
}

TEST(LayerSlices, TakeNoMethodOfTheirOwn) {
  const std::string slices = "layer_slices: [{model: a, start: 0, end: 1}]\n";
  EXPECT_THAT(complaints(slices), IsEmpty());
  EXPECT_THAT(complaints(slices + "merge_method: passthrough\n"), IsEmpty());
  EXPECT_THAT(complaints(slices + "merge_method: linear\n"), ElementsAre("2:1 warning CFG007"));
  EXPECT_THAT(complaints(slices + "models: [{model: b}]\n"), ElementsAre("2:1 warning CFG007"));
  EXPECT_THAT(complaints(slices + "scale: 2\n"), ElementsAre("2:1 warning CFG006"));
}

TEST(LayerSlices, AreCheckedLikeRanges) {
  const auto with = [](const std::string& entry) { return complaints("layer_slices:\n- {model: a, " + entry + "}\n"); };
  EXPECT_THAT(with("start: 0"), ElementsAre("2:3 error CFG005"));
  EXPECT_THAT(with("end: 1"), ElementsAre("2:3 error CFG005"));
  EXPECT_THAT(with("start: x, end: 1"), ElementsAre("2:21 error CFG030"));
  EXPECT_THAT(with("start: -1, end: 1"), ElementsAre("2:21 error CFG031"));
  EXPECT_THAT(with("start: 2, end: 1"), ElementsAre("2:3 error CFG032"));
  EXPECT_THAT(with("start: 1, end: 1"), ElementsAre("2:3 warning CFG032"));
  EXPECT_THAT(with("start: 0, end: 1.5"), ElementsAre("2:29 error CFG033"));
  EXPECT_THAT(with("start: 0, end: 1, scale: big"), ElementsAre("2:39 error CFG021"));
  EXPECT_THAT(with("start: 0, end: 1, scale: .inf"), ElementsAre("2:39 error CFG022"));
  EXPECT_THAT(with("start: 0, end: 1, scale: [1]"), ElementsAre("2:39 error CFG020"));
}

TEST(LayerSlices, AreNotEmpty) {
  EXPECT_THAT(complaints("layer_slices: []\n"), ElementsAre("1:15 error CFG012"));
  EXPECT_THAT(complaints("layer_slices: ~\n"), ElementsAre("1:1 error CFG005"));
  EXPECT_THAT(complaints("layer_slices: {a: b}\n"), ElementsAre("1:15 error CFG020"));
  EXPECT_THAT(complaints("embedding_source: [a]\nlayer_slices: [{model: a, start: 0, end: 1}]\n"),
              ElementsAre("1:19 error CFG020"));
}

}  // namespace
}  // namespace stockpot::recipe
