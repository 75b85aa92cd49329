// Whole recipes as users write them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "complaints.hpp"

namespace stockpot::recipe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

double value(const Parameters& parameters, std::string_view name, std::string_view tensor = "any", double t = 0.0) {
  return std::get<double>(parameters.find(name)->setting.evaluate(tensor, t, Between::interpolate).value());
}

TEST(Example, LinearSoup) {
  const MergeDocument merge = document(R"(merge_method: linear
models:
  - {model: ./runs/sft-a, parameters: {weight: 1.0}}
  - {model: ./runs/sft-b, parameters: {weight: 0.5}}
dtype: float32
out_dtype: bfloat16
)");
  const auto& sources = merge.modules.at(0).slices.at(0).sources;
  EXPECT_EQ(sources.at(0).model.path, "./runs/sft-a");
  EXPECT_EQ(value(sources.at(0).parameters, "weight"), 1.0);
  EXPECT_EQ(value(sources.at(1).parameters, "weight"), 0.5);
  EXPECT_EQ(merge.dtype, DType::f32);
  EXPECT_EQ(merge.out_dtype, DType::bf16);
}

TEST(Example, TiesWithAGradientAndAFilter) {
  const MergeDocument merge = document(R"(merge_method: ties
base_model: lab/base-70b@3f0c5e1a9d7b4c2e8f60a1b2c3d4e5f60718293a
models:
  - model: lab/chat-70b
    parameters: {weight: 0.6, density: [0.9, 0.5, 0.3]}
  - model: lab/math-70b
    parameters:
      density: 0.4
      weight:
        - {filter: mlp, value: 0.5}
        - value: 0.0
parameters: {normalize: true, int8_mask: yes, lambda: 0.95}
dtype: bfloat16
)");
  EXPECT_EQ(merge.anchor().revision, "3f0c5e1a9d7b4c2e8f60a1b2c3d4e5f60718293a");
  const auto& sources = merge.modules.at(0).slices.at(0).sources;
  EXPECT_EQ(value(sources.at(0).parameters, "density", "any", 0.25), 0.5 * 0.9 + 0.5 * 0.5);
  EXPECT_EQ(value(sources.at(1).parameters, "weight", "model.layers.3.mlp.up_proj.weight"), 0.5);
  EXPECT_EQ(value(sources.at(1).parameters, "weight", "model.norm.weight"), 0.0);
  EXPECT_EQ(value(merge.parameters, "int8_mask"), 1.0);
  EXPECT_EQ(value(merge.parameters, "lambda"), 0.95);
}

TEST(Example, AnchorsAndMergeKeysWithoutAdapters) {
  const std::string text = R"(common: &p {density: 0.3, weight: 0.4}
merge_method: dare_ties
base_model: org/base-8b
models:
  - {model: org/law, parameters: *p}
  - {model: org/med@v2, parameters: {<<: *p, weight: 0.7}}
  - model: {model: {path: "/data/odd+name@x"}}
    parameters: *p
dtype: float16
)";
  EXPECT_THAT(complaints(text), ElementsAre("1:1 warning CFG006"));
  const auto sources = document(text).modules.at(0).slices.at(0).sources;
  EXPECT_EQ(value(sources.at(0).parameters, "weight"), 0.4);
  EXPECT_EQ(value(sources.at(1).parameters, "weight"), 0.7);
  EXPECT_EQ(value(sources.at(1).parameters, "density"), 0.3);
  EXPECT_EQ(sources.at(2).model.path, "/data/odd+name@x");
}

TEST(Example, SlicesAreRefused) {
  EXPECT_THAT(complaints(R"(merge_method: slerp
base_model: acme/coder-13b
slices:
  - sources:
      - {model: acme/coder-13b, layer_range: [0, 40]}
      - {model: acme/writer-13b, layer_range: [0, 40]}
parameters:
  t:
    - {filter: self_attn, value: [0, 0.25, 0.75, 1]}
    - {filter: mlp, value: [1, 0.75, 0.25, 0]}
    - value: 0.4
dtype: bfloat16
)"),
              ElementsAre("3:1 error CFG015"));
}

TEST(Example, ATokenizerUnionIsRefused) {
  EXPECT_THAT(complaints(R"(merge_method: linear
base_model: org/llama3-inst
models:
  - {model: org/llama3-inst, parameters: {weight: 0.5}}
  - {model: org/chatml-tune, parameters: {weight: 0.5}}
tokenizer:
  source: union
  pad_to_multiple_of: 64
  tokens:
    <|im_start|>: {source: org/chatml-tune}
    <|eot_id|>: {source: org/llama3-inst, force: true}
    <|spare|>: {source: {kind: zero}}
chat_template: chatml
dtype: bfloat16
)"),
              ElementsAre("6:1 error CFG015", "13:1 error CFG015"));
}

TEST(Example, ModelStockWithTheBasesTokenizer) {
  const std::string text = R"(merge_method: model_stock
base_model: org/base-3b
models: [{model: org/a-3b}, {model: org/b-3b}, {model: org/c-3b}]
tokenizer_source: base
parameters: {filter_wise: false}
dtype: float32
out_dtype: bfloat16
)";
  EXPECT_THAT(complaints(text), ElementsAre("4:1 warning CFG007"));
  EXPECT_EQ(value(document(text).parameters, "filter_wise"), 0.0);
}

TEST(Example, ModulesAndTheirExtensionAreRefused) {
  EXPECT_THAT(complaints(R"(merge_method: nuslerp
modules:
  text_decoder:
    models:
      - {model: org/vl-chat, parameters: {weight: 0.7}}
stockpot: {unlisted_modules: copy}
)"),
              ElementsAre("2:1 error CFG015", "6:12 error CFG015"));
}

TEST(Example, StagesAreRefusedOnce) {
  EXPECT_THAT(complaints(R"(name: duo
merge_method: slerp
base_model: org/a
models: [{model: org/a}, {model: org/b}]
---
name: sparse
merge_method: breadcrumbs_ties
base_model: org/base
models: [{model: org/c, parameters: {weight: 1, density: 0.9, gamma: 0.02}}]
---
merge_method: task_arithmetic
base_model: org/base
models: [{model: duo, parameters: {weight: 0.5}}]
)"),
              ElementsAre("6:1 error CFG015"));
}

TEST(Example, MixturesOfExpertsAreRefused) {
  EXPECT_THAT(
      complaints("base_model: org/small-1b\narchitecture: mixtral\nexperts:\n  - {source_model: org/small-1b}\n"),
      ElementsAre("3:1 error CFG015"));
}

TEST(Example, FiltersAndExtensionsForALargeModel) {
  const std::string text = R"(merge_method: task_arithmetic
base_model: /ckpt/moe-671b-base
models:
  - {model: /ckpt/moe-671b-rl, parameters: {weight: [{filter: "re:experts\\.\\d+\\.", value: 0.3}, {value: 0.6}]}}
out_dtype: bfloat16
stockpot:
  output: {format: hdf5, metadata: {project: demo}}
  nonfinite: propagate
  memory_per_rank: 24GiB
)";
  EXPECT_THAT(complaints(text), IsEmpty());
  const InputSlice source = document(text).modules.at(0).slices.at(0).sources.at(0);
  EXPECT_EQ(value(source.parameters, "weight", "model.layers.4.mlp.experts.17.up_proj.weight"), 0.3);
  EXPECT_EQ(value(source.parameters, "weight", "model.layers.4.mlp.shared_experts.up_proj.weight"), 0.6);
}

}  // namespace
}  // namespace stockpot::recipe
