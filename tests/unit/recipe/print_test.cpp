#include "recipe/print.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "complaints.hpp"
#include "same.hpp"

namespace stockpot::recipe {
namespace {

using ::testing::HasSubstr;

/// What a recipe prints as; it must say the same when it is read again.
std::string printed(const std::string& text, Dialect dialect = Dialect::merge) {
  const Recipe recipe = parse_recipe("r.yml", text, dialect);
  expect_same_when_printed(recipe, dialect);
  return print_recipe(recipe);
}

TEST(Print, FillsInDefaultsAndResolvesValues) {
  EXPECT_EQ(printed("p: &p {weight: 0x10}\nmerge_method: linear\nmodels:\n- {model: org/a@v1, parameters: *p}\n"
                    "- {model: {model: b}, parameters: {weight: [{filter: '*', value: [yes, 5e-1]}]}}\n"
                    "base_model: ~/b\nparameters: {normalize: off}\ndtype: torch.half\n"),
            R"(merge_method: linear
base_model: "~/b"
models:
  - model: org/a@v1
    key: org/a@v1
    parameters:
      weight: 16
  - model: b
    key: b
    parameters:
      weight: [1, 0.5]
parameters:
  normalize: 0
dtype: float16
stockpot:
  strict: false
  round_inputs: false
  nonfinite: error
  dequantize: auto
  missing: default
  extra_tensors: error
  on_mismatch: error
  unlisted_modules: drop
  keep_tied_heads: false
  exclude_action: copy
  post_layer_t: false
)");
}

TEST(Print, OldLayerSlicesAreSlices) {
  const std::string shown =
      printed("layer_slices: [{model: a, start: 0, end: 2, scale: 0.5}]\nembedding_source: e\nlm_head_source: h\n");
  EXPECT_THAT(shown, HasSubstr(R"(merge_method: passthrough
slices:
  - sources:
      - model: e
        key: e
        layer_range: [0, 0]
  - sources:
      - model: a
        key: a
        layer_range: [0, 2]
        parameters:
          scale:
            - {filter: down_proj, value: 0.5}
  - sources:
      - model: h
        key: h
        layer_range: [0, 0]
)"));
}

TEST(Print, ModulesKeepTheirForms) {
  const std::string shown = printed(R"(merge_method: linear
modules:
  encoder: {models: [{model: a}, {model: a, key: "b: c"}], parameters: {weight: 1}}
  "x: y": {slices: [{sources: [{model: a, layer_range: [0, 1]}], base_model: p, parameters: {weight: 2}}]}
)");
  EXPECT_THAT(shown, HasSubstr("  encoder:\n    models:\n      - model: a\n"));
  EXPECT_THAT(shown, HasSubstr("key: \"b: c\"\n"));
  EXPECT_THAT(shown, HasSubstr("  \"x: y\":\n    slices:\n      - sources:\n"));
}

TEST(Print, ReferencesAreStringsWhereTheyCanBe) {
  const std::string shown = printed(R"(merge_method: linear
models:
  - model: a@v1+b@v2*0.5+c
  - model: {model: {path: x+y, revision: v1}, lora: {path: "b*2"}, override_architecture: Other}
  - model: {model: a, adapters: [{path: b, weight: 1e300}]}
  - model: "{path: z}"
  - model: "123"
  - model: "a b: c # d"
  - model: "\x7f\n\u00e9\u2028\"\\"
)");
  EXPECT_THAT(shown, HasSubstr("- model: a@v1+b@v2*0.5+c\n"));
  EXPECT_THAT(shown, HasSubstr("- model: a+b*1e300\n"));
  EXPECT_THAT(shown, HasSubstr("- model: \"123\"\n"));
  EXPECT_THAT(shown, HasSubstr("{path: b*2}, weight: 1}], override_architecture: Other}"));
}

TEST(Print, NumbersAndTextsStayWhatTheyAre) {
  printed(good + R"(parameters:
  a: [0.1, 1e-300, 1.7976931348623157e308, -0.0, 123456789012345678]
  b: [sum, count]
  c: "12:30"
  d: [{filter: "re:a\\.b", value: x}, {filter: "layers:0-3", value: [1, 2]}, {value: 0.30000000000000004}]
  e: {alpha: auto, beta: 0.5}
  f: {filter: mlp, value: 2}
  "~": 1
  "odd: key\n": 1
)");
}

TEST(Print, TokenizersAreSpelledOut) {
  const std::string shown = printed(good + R"(tokenizer:
  pad_to_multiple_of: 64
  tokens:
    <|a|>: {source: a, force: true}
    "line\nend": {source: {kind: zero}}
    yes: {source: {kind: model_token, model: {model: b}, token: "7"}}
    "8": {source: {kind: model_token, model: b, token_id: 7}}
    plain: ~
chat_template: |
  {{ bos }}

    x
)");
  EXPECT_THAT(shown, HasSubstr("tokenizer:\n  source: union\n  pad_to_multiple_of: 64\n"));
  EXPECT_THAT(printed(good + "tokenizer_source: base\n"), HasSubstr("source: base\n  pad_to_multiple_of: 1\n"));
  printed(good + "tokenizer_source: {model: base}\n");
  printed(good + "tokenizer_source: {model: model:x}\n");
  EXPECT_THAT(printed(good + "tokenizer_source: model:x\n"), HasSubstr("source: x\n"));
  printed(good + "tokenizer_source: q+lora@v1\n");
}

TEST(Print, KeysOfAnyLengthAreRead) {
  std::string escapes;
  for (int i = 0; i < 1000; ++i) escapes += "\\x01";
  for (const std::string& key : {std::string(900, 'x'), escapes}) {
    printed(good + "tokenizer:\n  tokens:\n    ? \"" + key + "\"\n    : {force: true}\n    y: {}\n");
  }
}

TEST(Print, TheStockpotBlockIsWhole) {
  const std::string shown = printed(good + R"(stockpot:
  strict: true
  seed: 18446744073709551615
  round_inputs: true
  nonfinite: propagate
  missing: drop
  extra_tensors: copy
  on_mismatch: skip
  embedding_names: [a.weight]
  vocab_tensors: ["glob:*.b"]
  unlisted_modules: copy
  keep_tied_heads: true
  include: ["*", mlp]
  exclude: ["re:\\d"]
  exclude_action: drop
  overrides: [{filter: "*", merge_method: slerp, parameters: {t: [0, 1]}}, {filter: x}]
  rename: [{from: '^a\.', to: "$1 b"}]
  post_layer_t: true
  output: {format: hdf5, shard_size: 5B, metadata: {project: "x: y", "1": "010"}}
  memory_per_rank: 24GiB
)");
  EXPECT_THAT(shown, HasSubstr("shard_size: 5000000000\n"));
  EXPECT_THAT(shown, HasSubstr("memory_per_rank: 25769803776\n"));
}

TEST(Print, StagesAreDocuments) {
  const std::string shown = printed("name: s\n" + good + "---\nmerge_method: linear\nmodels: [{model: s@v1}]\n");
  EXPECT_THAT(shown, HasSubstr("---\nname: s\nmerge_method: linear\n"));
  EXPECT_THAT(shown, HasSubstr("---\nmerge_method: linear\nmodels:\n  - model: s\n    key: s\n"));
}

TEST(Print, RawPathsStayLiteral) {
  EXPECT_THAT(printed("merge_method: linear\nmodels: [{model: a+b@c*2.pt}, {model: '{path: x}'}]\n", Dialect::raw),
              HasSubstr("- model: a+b@c*2.pt\n"));
}

}  // namespace
}  // namespace stockpot::recipe
