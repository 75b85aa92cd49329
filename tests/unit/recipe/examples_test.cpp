// Whole recipes as users write them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "complaints.hpp"
#include "same.hpp"

namespace stockpot::recipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

double value(const Parameters& parameters, std::string_view name, std::string_view tensor = "any", double t = 0.0) {
  return std::get<double>(parameters.find(name)->setting.evaluate(tensor, t, Between::interpolate).value());
}

/// The first document of a recipe, which can be printed and read again.
MergeDocument example(const std::string& text, Dialect dialect = Dialect::merge) {
  const Recipe recipe = parse_recipe("r.yml", text, dialect);
  expect_same_when_printed(recipe, dialect);
  return recipe.documents.at(0);
}

TEST(Example, LinearSoup) {
  const MergeDocument merge = example(R"(merge_method: linear
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
  const MergeDocument merge = example(R"(merge_method: ties
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

TEST(Example, SlerpWithCurvesPerBlock) {
  const std::string text = R"(merge_method: slerp
base_model: lab/coder
slices:
  - sources:
      - {model: lab/coder, layer_range: [0, 24]}
      - {model: lab/poet, layer_range: [0, 24]}
parameters:
  t:
    - {filter: self_attn, value: [0, 0.3, 0.6, 1]}
    - {filter: mlp, value: [1, 0.6, 0.3, 0]}
    - value: 0.45
dtype: float16
)";
  EXPECT_THAT(complaints(text), IsEmpty());
  const MergeDocument merge = example(text);
  EXPECT_EQ(merge.form, Form::slices);
  const auto& sources = merge.modules.at(0).slices.at(0).sources;
  EXPECT_THAT(sources.at(1).layers.value(), Pair(0u, 24u));
  EXPECT_EQ(value(merge.parameters, "t", "model.layers.8.self_attn.q_proj.weight", 1.0), 1.0);
  EXPECT_EQ(value(merge.parameters, "t", "model.layers.8.mlp.up_proj.weight", 0.0), 1.0);
  EXPECT_EQ(value(merge.parameters, "t", "lm_head.weight"), 0.45);
}

TEST(Example, AdaptersWithAnchorsAndMergeKeys) {
  const std::string text = R"(common: &p {density: 0.3, weight: 0.4}
merge_method: dare_ties
base_model: org/base-8b
models:
  - {model: org/base-8b+org/law, parameters: *p}
  - {model: org/base-8b+org/med@v2, parameters: {<<: *p, weight: 0.7}}
  - {model: "org/base-8b+org/one*0.25+org/two", parameters: *p}
  - model: {model: {path: "/data/odd+name@x"}, lora: {path: /data/loras/code}}
    parameters: *p
dtype: float16
)";
  EXPECT_THAT(complaints(text), ElementsAre("1:1 warning CFG006"));
  const MergeDocument merge = example(text);
  const auto& sources = merge.modules.at(0).slices.at(0).sources;
  EXPECT_EQ(value(sources.at(0).parameters, "weight"), 0.4);
  EXPECT_EQ(value(sources.at(1).parameters, "weight"), 0.7);
  EXPECT_EQ(value(sources.at(1).parameters, "density"), 0.3);
  EXPECT_EQ(sources.at(1).model.adapters.at(0).revision, "v2");
  EXPECT_EQ(sources.at(2).model.adapters.at(0).weight, 0.25);
  EXPECT_EQ(sources.at(2).model.adapters.at(1).path, "org/two");
  EXPECT_EQ(sources.at(3).model.path, "/data/odd+name@x");
  EXPECT_EQ(sources.at(3).model.adapters.at(0).path, "/data/loras/code");
  EXPECT_EQ(merge.models().size(), 5u);  // each of them is a model of its own, and so is the base
}

TEST(Example, LayersStackedWithADampedOverlap) {
  const MergeDocument merge = example(R"(merge_method: passthrough
slices:
  - sources: [{model: org/alpha, layer_range: [0, 20]}]
  - sources:
      - model: org/beta
        layer_range: [12, 32]
        parameters:
          scale: [{filter: o_proj, value: 0.8}, {filter: down_proj, value: 0.7}, {value: 1.0}]
dtype: bfloat16
)");
  const auto& slices = merge.modules.at(0).slices;
  EXPECT_THAT(slices.at(0).sources.at(0).layers.value(), Pair(0u, 20u));
  EXPECT_THAT(slices.at(1).sources.at(0).layers.value(), Pair(12u, 32u));
  EXPECT_EQ(value(slices.at(1).sources.at(0).parameters, "scale", "model.layers.12.mlp.down_proj.weight"), 0.7);
  EXPECT_EQ(merge.anchor().text, "org/alpha");
}

TEST(Example, ATokenizerUnionWithForcedAndBorrowedRows) {
  const std::string text = R"(merge_method: linear
base_model: org/inst
models:
  - {model: org/inst, parameters: {weight: 0.5}}
  - {model: org/chat, parameters: {weight: 0.5}}
tokenizer:
  source: union
  pad_to_multiple_of: 64
  tokens:
    <|im_start|>: {source: org/chat}
    <|eot_id|>: {source: org/inst, force: true}
    <|tool|>: {source: {kind: model_token, model: org/chat, token: "<|im_start|>"}}
    <|spare|>: {source: {kind: zero}}
chat_template: chatml
dtype: bfloat16
)";
  EXPECT_THAT(complaints(text), IsEmpty());
  const MergeDocument merge = example(text);
  EXPECT_EQ(merge.chat_template, "chatml");
  const TokenizerRequest& tokenizer = merge.tokenizer.value();
  EXPECT_EQ(tokenizer.source, TokenizerRequest::Source::union_of_all);
  EXPECT_EQ(tokenizer.pad_to_multiple_of, 64u);
  ASSERT_EQ(tokenizer.tokens.size(), 4u);
  EXPECT_EQ(tokenizer.tokens[0].model->text, "org/chat");
  EXPECT_FALSE(tokenizer.tokens[0].force);
  EXPECT_TRUE(tokenizer.tokens[1].force);
  EXPECT_EQ(tokenizer.tokens[2].token, "<|im_start|>");
  EXPECT_EQ(tokenizer.tokens[3].source, TokenRequest::Source::zero);
}

TEST(Example, TheOldTokenizerKeyAndATemplateByMajority) {
  const std::string text = R"(merge_method: model_stock
base_model: org/base-3b
models: [{model: org/a-3b}, {model: org/b-3b}, {model: org/c-3b}]
tokenizer_source: base
chat_template: auto
parameters: {filter_wise: false}
dtype: float32
out_dtype: bfloat16
)";
  EXPECT_THAT(complaints(text), IsEmpty());
  EXPECT_EQ(value(example(text).parameters, "filter_wise"), 0.0);
  EXPECT_EQ(example(text).tokenizer->source, TokenizerRequest::Source::base);
  EXPECT_EQ(example(text).chat_template, "auto");
}

TEST(Example, EveryScopeOfParameters) {
  const MergeDocument merge = example(R"(merge_method: della
base_model: org/base
slices:
  - sources:
      - {model: org/base, layer_range: [0, 16]}
      - {model: org/x, layer_range: [0, 16], parameters: {density: 0.7, epsilon: 0.1}}
      - {model: org/y, layer_range: [0, 16]}
    parameters: {weight: 0.5}
  - sources:
      - {model: org/base, layer_range: [16, 32]}
      - {model: org/x, layer_range: [16, 32]}
parameters: {weight: 0.3, density: 0.5, epsilon: 0.2, rescale: true}
dtype: bfloat16
)");
  const auto& slices = merge.modules.at(0).slices;
  EXPECT_EQ(value(slices.at(0).sources.at(1).parameters, "density"), 0.7);
  EXPECT_EQ(value(slices.at(0).parameters, "weight"), 0.5);
  EXPECT_THAT(slices.at(1).parameters.entries, IsEmpty());
  EXPECT_EQ(value(merge.parameters, "weight"), 0.3);
  EXPECT_EQ(merge.models().size(), 3u);
}

TEST(Example, TheTextPartOfAVisionModel) {
  const std::string text = R"(merge_method: nuslerp
modules:
  text_decoder:
    models:
      - {model: org/vl-chat, parameters: {weight: 0.7}}
      - {model: org/vl-ocr, parameters: {weight: 0.3}}
    parameters: {nuslerp_flatten: false, nuslerp_row_wise: true}
stockpot: {unlisted_modules: copy}
dtype: bfloat16
)";
  EXPECT_THAT(complaints(text), IsEmpty());
  const MergeDocument merge = example(text);
  EXPECT_EQ(merge.modules.at(0).name, "text_decoder");
  EXPECT_EQ(value(merge.modules[0].parameters, "nuslerp_row_wise"), 1.0);
  EXPECT_EQ(merge.extensions.unlisted_modules, UnlistedModules::copy);
  EXPECT_EQ(merge.anchor().text, "org/vl-chat");
}

TEST(Example, AnEncoderOfModelsAndADecoderOfSlices) {
  const MergeDocument merge = example(R"(merge_method: linear
base_model: org/t5-a
modules:
  encoder: {models: [{model: org/t5-a, parameters: {weight: 1}}, {model: org/t5-b, parameters: {weight: 1}}]}
  decoder:
    slices:
      - sources:
          - {model: org/t5-a, layer_range: [0, 6], parameters: {weight: [0.8, 0.2]}}
          - {model: org/t5-b, layer_range: [0, 6], parameters: {weight: [0.2, 0.8]}}
      - sources: [{model: org/t5-b, layer_range: [6, 12], parameters: {weight: 1}}]
  shared: {models: [{model: org/t5-a, parameters: {weight: 1}}]}
)");
  ASSERT_EQ(merge.modules.size(), 3u);
  EXPECT_EQ(merge.modules[0].slices.at(0).sources.at(0).layers, std::nullopt);
  EXPECT_EQ(merge.modules[1].slices.size(), 2u);
  EXPECT_EQ(value(merge.modules[1].slices.at(0).sources.at(0).parameters, "weight", "any", 1.0), 0.2);
  EXPECT_EQ(merge.modules[2].name, "shared");
}

TEST(Example, ThreeStagesInOneFile) {
  const std::string text = R"(name: duo
merge_method: slerp
base_model: org/a
models: [{model: org/a}, {model: org/b}]
parameters: {t: 0.5}
---
name: sparse
merge_method: breadcrumbs_ties
base_model: org/base
models: [{model: org/c, parameters: {weight: 1, density: 0.9, gamma: 0.02}}]
---
merge_method: task_arithmetic
base_model: org/base
models:
  - {model: duo, parameters: {weight: 0.5}}
  - {model: sparse+org/lora-z, parameters: {weight: 0.5}}
dtype: bfloat16
)";
  EXPECT_THAT(complaints(text), IsEmpty());
  const Recipe recipe = parse_recipe("r.yml", text);
  expect_same_when_printed(recipe, Dialect::merge);
  ASSERT_EQ(recipe.documents.size(), 3u);
  EXPECT_EQ(recipe.documents[0].name, "duo");
  EXPECT_EQ(recipe.documents[1].name, "sparse");
  EXPECT_EQ(recipe.documents[2].name, "");
  const ModelReference& adapted = recipe.documents[2].modules.at(0).slices.at(0).sources.at(1).model;
  EXPECT_EQ(adapted.path, "sparse");
  EXPECT_EQ(adapted.adapters.at(0).path, "org/lora-z");
}

TEST(Example, RawFiles) {
  const std::string text = R"(merge_method: sce
base_model: /w/base.pt
models: [{model: /w/m1.pt}, {model: /w/m2.safetensors}]
parameters: {select_topk: 0.15}
dtype: float32
)";
  EXPECT_THAT(complaints(text, Dialect::raw), IsEmpty());
  const MergeDocument merge = example(text, Dialect::raw);
  EXPECT_EQ(merge.anchor().path, "/w/base.pt");
  EXPECT_EQ(merge.modules.at(0).slices.at(0).sources.at(1).model.path, "/w/m2.safetensors");
  EXPECT_EQ(value(merge.parameters, "select_topk"), 0.15);
}

TEST(Example, AFileOfMistakes) {
  const std::string text = R"(merge_method: slrep
base_model: a@b@c
models: [{model: a}, {model: b, parameters: {t: 0.5}}]
slices: []
dtype: bfloat
tokenizer: {source: union}
tokenizer_source: base
)";
  EXPECT_THAT(complaints(text), ElementsAre("2:13 error REF002", "5:8 error CFG060", "7:1 error CFG013"));
  EXPECT_THAT(report_on(text), HasSubstr("did you mean 'bfloat16'"));
  // The method is known to the planner only, which goes on from what was read.
  const MergeDocument merge = read_recipe("r.yml", text).documents.at(0);
  EXPECT_EQ(merge.method, "slrep");
  EXPECT_EQ(merge.method_at, (Position{1, 15}));
  EXPECT_EQ(merge.modules.at(0).slices.at(0).sources.at(1).parameters.find("t")->at, (Position{3, 46}));
}

TEST(Example, FiltersAndExtensionsForALargeModel) {
  const std::string text = R"(merge_method: task_arithmetic
base_model: /ckpt/moe-671b-base
models:
  - {model: /ckpt/moe-671b-rl, parameters: {weight: [{filter: "re:experts\\.\\d+\\.", value: 0.3}, {value: 0.6}]}}
out_dtype: bfloat16
stockpot:
  overrides:
    - {filter: "layers:0-2", merge_method: passthrough}
    - {filter: "glob:*.mlp.gate.weight", merge_method: linear, parameters: {weight: 0.5}}
  exclude: ["glob:*.e_score_correction_bias"]
  output: {format: hdf5, metadata: {project: demo}}
  nonfinite: propagate
  memory_per_rank: 24GiB
)";
  EXPECT_THAT(complaints(text), IsEmpty());
  const InputSlice source = example(text).modules.at(0).slices.at(0).sources.at(0);
  EXPECT_EQ(value(source.parameters, "weight", "model.layers.4.mlp.experts.17.up_proj.weight"), 0.3);
  EXPECT_EQ(value(source.parameters, "weight", "model.layers.4.mlp.shared_experts.up_proj.weight"), 0.6);
  const Extensions extensions = example(text).extensions;
  EXPECT_EQ(extensions.overrides.at(0).method, "passthrough");
  EXPECT_EQ(value(extensions.overrides.at(1).parameters, "weight"), 0.5);
  EXPECT_THAT(extensions.exclude, ElementsAre("glob:*.e_score_correction_bias"));
}

}  // namespace
}  // namespace stockpot::recipe
