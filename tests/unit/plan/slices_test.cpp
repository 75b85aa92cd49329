// Outputs that are put together from ranges of layers.
#include <fmt/format.h>

#include "planned.hpp"

namespace stockpot::plan {
namespace {

using namespace test;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// A model with an embedding, `layers` layers of two tensors, a norm and a head.
Catalogue stacked(const std::string& model, std::uint64_t layers) {
  std::vector<std::string> names{"model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"};
  for (std::uint64_t l = 0; l < layers; ++l) {
    names.push_back(fmt::format("model.layers.{}.attn.weight", l));
    names.push_back(fmt::format("model.layers.{}.mlp.weight", l));
  }
  Catalogue made = stockpot::test::catalogue(model, tensors(names));
  made.config.architectures = {"LlamaForCausalLM"};
  made.config.layer_counts = {{"num_hidden_layers", layers}};
  return made;
}

/// "a:model.layers.3.attn.weight" for each source of an output tensor, in order.
std::vector<std::string> sources_of(const MergePlan& plan, const std::string& tensor) {
  std::vector<std::string> texts;
  for (const SourceTensor source : tensor_of(plan, tensor).sources) {
    texts.push_back(fmt::format("{}:{}", plan.models[source.model].model, plan.info(source).name));
  }
  return texts;
}

/// The same with a head that is its embedding, not stored.
Catalogue tied(const std::string& model, std::uint64_t layers) {
  Catalogue made = stacked(model, layers);
  std::erase_if(made.tensors, [](const StoredTensor& tensor) { return tensor.info.name == "lm_head.weight"; });
  made.config.tied_embeddings = true;
  return made;
}

/// One whose config.json says that its head is stored.
Catalogue untied(const std::string& model, std::uint64_t layers) {
  Catalogue made = stacked(model, layers);
  made.config.tied_embeddings = false;
  return made;
}

const std::string up_merge = R"(merge_method: passthrough
slices:
  - sources: [{model: a, layer_range: [0, 3]}]
  - sources: [{model: b, layer_range: [1, 4]}]
)";

TEST(Slices, LayersAreNumberedOneAfterTheOther) {
  const auto plan = planned(up_merge, {stacked("a", 4), stacked("b", 4)});
  EXPECT_THAT(plan.tensors, SizeIs(6 * 2 + 3));
  EXPECT_THAT(sources_of(plan, "model.layers.2.mlp.weight"), ElementsAre("a:model.layers.2.mlp.weight"));
  EXPECT_THAT(sources_of(plan, "model.layers.3.mlp.weight"), ElementsAre("b:model.layers.1.mlp.weight"));
  EXPECT_THAT(sources_of(plan, "model.layers.5.attn.weight"), ElementsAre("b:model.layers.3.attn.weight"));
}

TEST(Slices, WhatComesBeforeTheLayersIsTheFirstSlicesWhatComesAfterTheLasts) {
  const auto plan = planned(up_merge, {stacked("a", 4), stacked("b", 4)});
  EXPECT_THAT(sources_of(plan, "model.embed_tokens.weight"), ElementsAre("a:model.embed_tokens.weight"));
  EXPECT_THAT(sources_of(plan, "model.norm.weight"), ElementsAre("b:model.norm.weight"));
  EXPECT_THAT(sources_of(plan, "lm_head.weight"), ElementsAre("b:lm_head.weight"));
}

TEST(Slices, ATiedHeadAfterTheLayersIsTheEmbeddingOfTheLastModelNotOfTheFirst) {
  const auto plan = planned(up_merge, {untied("a", 4), tied("b", 4)});
  EXPECT_THAT(sources_of(plan, "model.embed_tokens.weight"), ElementsAre("a:model.embed_tokens.weight"));
  EXPECT_THAT(sources_of(plan, "lm_head.weight"), ElementsAre("b:model.embed_tokens.weight"));
  EXPECT_THAT(texts(plan.remarks), Contains(AllOf(HasSubstr("TEN040"), HasSubstr("'b'"))));
  EXPECT_TRUE(plan.config.untie_head);
}

TEST(Slices, AHeadThatNoModelStoresHasTheNameOfItsArchitecture) {
  const auto plan = planned(up_merge, {tied("a", 4), tied("b", 4)});
  EXPECT_THAT(plan.tensors, SizeIs(6 * 2 + 3));
  EXPECT_THAT(sources_of(plan, "model.embed_tokens.weight"), ElementsAre("a:model.embed_tokens.weight"));
  EXPECT_THAT(sources_of(plan, "lm_head.weight"), ElementsAre("b:model.embed_tokens.weight"));
  EXPECT_THAT(texts(plan.remarks), ElementsAre(AllOf(HasSubstr("info[TEN040]"), HasSubstr("'b'"))));
  EXPECT_TRUE(plan.config.untie_head);
}

TEST(Slices, AHeadWhoseNameNobodyKnowsIsLostWithAWarning) {
  auto a = tied("a", 4), b = tied("b", 4);
  a.config.architectures = b.config.architectures = {"OddForMaskedLM"};
  const auto plan = planned(up_merge, {a, b});
  EXPECT_THAT(plan.tensors, SizeIs(6 * 2 + 2));
  EXPECT_THAT(texts(plan.remarks),
              ElementsAre(AllOf(HasSubstr("warning[TEN040]"), HasSubstr("'b'"), HasSubstr("lost"))));
  EXPECT_FALSE(plan.config.untie_head);
}

TEST(Slices, OfEncodersHaveNoHeadToLose) {
  auto a = tied("a", 4), b = tied("b", 4);
  a.config.architectures = b.config.architectures = {"BertModel"};
  EXPECT_THAT(planned(up_merge, {a, b}).remarks, IsEmpty());
}

TEST(Slices, OfTheSameTiedModelsInAnotherOrderStayTied) {
  const auto plan = planned(
      "merge_method: linear\nparameters: {weight: 1}\nslices:\n"
      "  - sources: [{model: a, layer_range: [0, 2]}, {model: b, layer_range: [0, 2]}]\n"
      "  - sources: [{model: b, layer_range: [2, 4]}, {model: a, layer_range: [2, 4]}]\n",
      {tied("a", 4), tied("b", 4)});
  EXPECT_THAT(plan.tensors, SizeIs(4 * 2 + 2));
  EXPECT_THAT(plan.remarks, IsEmpty());
}

TEST(Slices, OfOneTiedModelStayTied) {
  const auto plan = planned(
      "merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [0, 3]}]\n"
      "  - sources: [{model: a, layer_range: [1, 4]}]\n",
      {tied("a", 4)});
  EXPECT_THAT(plan.tensors, SizeIs(6 * 2 + 2));
  EXPECT_THAT(plan.remarks, IsEmpty());
}

TEST(Slices, AConfigurationThatPromisesAHeadGetsOne) {
  const auto plan =
      planned("merge_method: passthrough\nbase_model: a\nmodels: [{model: b}]\n", {tied("b", 4), untied("a", 4)});
  EXPECT_THAT(sources_of(plan, "lm_head.weight"), ElementsAre("b:model.embed_tokens.weight"));
}

TEST(Slices, TheConfigurationLearnsWhereLayersComeFrom) {
  const auto plan = planned(up_merge, {stacked("a", 4), stacked("b", 4)});
  ASSERT_THAT(plan.config.layers, SizeIs(1));
  EXPECT_EQ(plan.config.layers[0].key, "num_hidden_layers");
  EXPECT_EQ(plan.config.layers[0].before, 4u);
  EXPECT_THAT(plan.config.layers[0].from, ElementsAre(0, 1, 2, 1, 2, 3));
}

TEST(Slices, WholeBytesAreCopied) {
  const auto plan = planned(up_merge, {stacked("a", 4), stacked("b", 4)});
  for (const auto& tensor : plan.tensors) EXPECT_EQ(tensor.action, Action::copy) << tensor.output.name;
}

TEST(Slices, GradientsRunOverEachSliceAndFiltersSeeTheNamesOfTheInput) {
  const auto plan = planned(R"(merge_method: linear
slices:
  - sources:
      - {model: a, layer_range: [0, 2], parameters: {weight: 1}}
      - model: b
        layer_range: [2, 4]
        parameters:
          weight:
            - {filter: layers.2, value: 7}
            - {value: [0, 10]}
  - sources:
      - {model: a, layer_range: [2, 4], parameters: {weight: [1, 2]}}
parameters: {normalize: false}
)",
                            {stacked("a", 4), stacked("b", 4)});
  const auto weights = [&](const std::string& tensor) {
    const auto values = settings_of(plan, tensor).per_model("weight");
    return std::vector<double>(values.begin(), values.end());
  };
  EXPECT_THAT(weights("model.layers.0.mlp.weight"), ElementsAre(1, 7));   // b's layer 2
  EXPECT_THAT(weights("model.layers.1.mlp.weight"), ElementsAre(1, 10));  // t = 1 in the first slice
  EXPECT_THAT(weights("model.layers.2.mlp.weight"), ElementsAre(1));      // t = 0 in the second
  EXPECT_THAT(weights("model.layers.3.mlp.weight"), ElementsAre(2));
  EXPECT_THAT(weights("model.norm.weight"), ElementsAre(1));  // after the layers: t = 0
}

TEST(Slices, ASliceOfOneLayerIsAtDepthOne) {
  const auto plan = planned(R"(merge_method: linear
slices:
  - sources: [{model: a, layer_range: [1, 2], parameters: {weight: [3, 4]}}]
parameters: {normalize: false}
)",
                            {stacked("a", 4)});
  EXPECT_EQ(settings_of(plan, "model.layers.0.mlp.weight").per_model("weight")[0], 4);
  EXPECT_EQ(settings_of(plan, "model.embed_tokens.weight").per_model("weight")[0], 3);
}

TEST(Slices, AnEmptyRangeGivesOnlyWhatStandsBesideTheLayers) {
  const auto plan = planned(R"(merge_method: passthrough
slices:
  - sources: [{model: b, layer_range: [0, 0]}]
  - sources: [{model: a, layer_range: [0, 2]}]
)",
                            {stacked("b", 4), stacked("a", 4)});
  EXPECT_THAT(plan.tensors, SizeIs(2 * 2 + 3));
  EXPECT_THAT(sources_of(plan, "model.embed_tokens.weight"), ElementsAre("b:model.embed_tokens.weight"));
  EXPECT_THAT(sources_of(plan, "model.layers.0.mlp.weight"), ElementsAre("a:model.layers.0.mlp.weight"));
}

TEST(Slices, ABaseIsFoundAmongTheSourcesWithItsOwnRange) {
  const auto plan = planned(R"(merge_method: task_arithmetic
base_model: a
slices:
  - sources:
      - {model: a, layer_range: [2, 4]}
      - {model: b, layer_range: [0, 2], parameters: {weight: 1}}
)",
                            {stacked("a", 4), stacked("b", 2)});
  const auto& tensor = tensor_of(plan, "model.layers.1.mlp.weight");
  ASSERT_TRUE(tensor.base.has_value());
  EXPECT_EQ(plan.info(*tensor.base).name, "model.layers.3.mlp.weight");
  EXPECT_THAT(sources_of(plan, "model.layers.1.mlp.weight"), ElementsAre("b:model.layers.1.mlp.weight"));
}

TEST(Slices, OneModelTwiceUnderDifferentKeysIsTwoInputs) {
  const auto plan = planned(R"(merge_method: linear
slices:
  - sources:
      - {model: a, layer_range: [0, 2], key: low, parameters: {weight: 1}}
      - {model: a, layer_range: [2, 4], key: high, parameters: {weight: 3}}
)",
                            {stacked("a", 4)});
  EXPECT_THAT(sources_of(plan, "model.layers.1.mlp.weight"),
              ElementsAre("a:model.layers.1.mlp.weight", "a:model.layers.3.mlp.weight"));
}

/// The same with a second stack, of layers that predict further tokens.
Catalogue with_second_stack(const std::string& model, std::uint64_t layers) {
  Catalogue made = stacked(model, layers);
  for (int l = 0; l < 2; ++l) {
    made.tensors.push_back({{fmt::format("model.mtp.layers.{}.attn.weight", l), DType::bf16, {4, 8}}, 0, 1'000'000});
  }
  std::ranges::sort(made.tensors, {}, [](const StoredTensor& t) -> const std::string& { return t.info.name; });
  return made;
}

TEST(Slices, OfModelsWithMoreOrFewerStacksAreOfTheSameLayers) {
  const auto longer = planned(up_merge, {with_second_stack("a", 4), stacked("b", 4)});
  EXPECT_THAT(longer.tensors, SizeIs(6 * 2 + 3 + 2));
  const auto shorter = planned(up_merge, {stacked("a", 4), with_second_stack("b", 4)});
  EXPECT_THAT(shorter.tensors, SizeIs(6 * 2 + 3));
  for (const MergePlan* plan : {&longer, &shorter}) {
    EXPECT_THAT(sources_of(*plan, "model.layers.3.mlp.weight"), ElementsAre("b:model.layers.1.mlp.weight"));
    EXPECT_THAT(sources_of(*plan, "lm_head.weight"), ElementsAre("b:lm_head.weight"));
  }
}

TEST(Slices, ALanguageModelIsTheTextDecoderOfOneThatSees) {
  auto sees = with_second_stack("a", 4);
  for (StoredTensor& tensor : sees.tensors) {
    if (tensor.info.name.starts_with("model.mtp.layers.")) tensor.info.name.replace(0, 16, "visual.blocks");
  }
  sees.config.architectures = {"Qwen2_5_VLForConditionalGeneration"};
  const std::string linear = "merge_method: linear\nparameters: {weight: 1}\n";
  for (const std::string& what :
       {std::string(
            "stockpot: {unlisted_modules: copy}\nmodules:\n  text_decoder: {models: [{model: a}, {model: b}]}\n"),
        std::string("slices:\n  - sources: [{model: a, layer_range: [0, 4]}, {model: b, layer_range: [0, 4]}]\n")}) {
    const auto plan = planned(linear + what, {sees, stacked("b", 4)}, {.allow_crimes = true});
    EXPECT_THAT(plan.tensors, SizeIs(4 * 2 + 3 + 2));
    EXPECT_THAT(sources_of(plan, "model.layers.3.mlp.weight"), SizeIs(2));
    EXPECT_THAT(sources_of(plan, "visual.blocks.1.attn.weight"), SizeIs(1));
  }
}

TEST(Slices, AModuleIsNamedOnce) {
  EXPECT_THAT(report("merge_method: passthrough\nmodules:\n  default: {models: [{model: a}]}\n"
                     "  model.layers: {models: [{model: a}]}\n",
                     {stacked("a", 4)}),
              AllOf(HasSubstr("r.yaml:4:3: error[ARC040]"), HasSubstr("'model.layers'"), HasSubstr("before")));
}

TEST(Slices, MistakesNameTheirPlace) {
  const std::vector<Catalogue> models{stacked("a", 4), stacked("b", 4)};
  const auto answer = [&](const std::string& slices) {
    return report("merge_method: linear\nslices:\n" + slices + "parameters: {weight: 1}\n", models);
  };
  EXPECT_THAT(answer("  - sources: [{model: a, layer_range: [0, 5]}, {model: b, layer_range: [0, 5]}]\n"),
              AllOf(HasSubstr("r.yaml:3:15: error[ARC021]"), HasSubstr("4 layers")));
  EXPECT_THAT(answer("  - sources: [{model: a, layer_range: [0, 2]}, {model: b, layer_range: [0, 3]}]\n"),
              AllOf(HasSubstr("r.yaml:3:48: error[ARC020]"), HasSubstr("gives 3 layers")));
}

TEST(Slices, ABaseThatNoSourceNamesIsAnErrorWithTheLineToAdd) {
  EXPECT_THAT(report(R"(merge_method: task_arithmetic
base_model: b
slices:
  - sources: [{model: a, layer_range: [0, 2], parameters: {weight: 1}}]
)",
                     {stacked("a", 4), stacked("b", 4)}),
              AllOf(HasSubstr("r.yaml:4:5: error[ARC022]"), HasSubstr("{model: b, layer_range: [0, 2]}")));
}

}  // namespace
}  // namespace stockpot::plan
