// Stacks, modules, and what stands before and after the layers, from the names of real architectures.
#include "plan/layout.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stockpot::plan {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Counts = std::vector<ModelConfig::LayerCount>;

struct Names {
  std::vector<std::string> all;
  Names(std::initializer_list<std::string> loose) : all(loose) {}
  /// `count` layers of a container, each with these suffixes.
  Names& layers(const std::string& container, std::uint64_t count, const std::vector<std::string>& suffixes) {
    for (std::uint64_t l = 0; l < count; ++l) {
      for (const auto& suffix : suffixes) all.push_back(fmt::format("{}.{}.{}", container, l, suffix));
    }
    return *this;
  }
};

Layout layout(const Names& names, const Counts& counts = {}, const std::string& architecture = "") {
  const std::vector<std::string_view> views(names.all.begin(), names.all.end());
  ModelConfig config;
  config.layer_counts = counts;
  if (!architecture.empty()) config.architectures = {architecture};
  return Layout(views, config);
}

/// "container:layers:key" of each stack.
std::vector<std::string> stacks(const Layout& l) {
  std::vector<std::string> texts;
  for (const Stack& stack : l.stacks()) {
    texts.push_back(fmt::format("{}:{}:{}", stack.container, stack.layers, stack.count_key));
  }
  return texts;
}

std::string module_of(const Layout& l, const std::string& name) { return l.modules()[l.place(name).module].name; }
bool before(const Layout& l, const std::string& name) { return l.place(name).position == Position::before; }
bool after(const Layout& l, const std::string& name) { return l.place(name).position == Position::after; }

TEST(Layout, TheFirstNumberOfANameIsTheLayer) {
  const Layout l = layout(Names{}.layers("h", 2, {"experts.0.w", "experts.1.w"}));
  EXPECT_EQ(l.place("h.0.experts.1.w").layer, 0u);
  EXPECT_EQ(l.place("h.1.experts.0.w").layer, 1u);
  EXPECT_EQ(l.place("h.1.experts.0.w").suffix, "experts.0.w");
}

TEST(Layout, TheLastNormOfLfm2IsCalledLikeAFirstOne) {
  const Names names =
      Names{"model.embed_tokens.weight", "model.embedding_norm.weight"}.layers("model.layers", 2, {"w"});
  EXPECT_TRUE(after(layout(names, {}, "Lfm2MoeForCausalLM"), "model.embedding_norm.weight"));
  EXPECT_TRUE(before(layout(names, {}, "OtherForCausalLM"), "model.embedding_norm.weight"));
}

TEST(Layout, T5sFirstLayerHoldsABiasForAllLayers) {
  const std::string bias = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight";
  Names names = Names{bias}.layers("encoder.block", 3, {"layer.0.SelfAttention.q.weight", "layer.1.w"});
  EXPECT_TRUE(before(layout(names), bias));
  EXPECT_FALSE(before(layout(names), "encoder.block.0.layer.0.SelfAttention.q.weight"));
  names.all.push_back(
      "encoder.block.2.layer.0.SelfAttention.relative_attention_bias.weight");  // UMT5: every layer's own
  EXPECT_FALSE(before(layout(names), bias));
}

TEST(Layout, NamesMayBeginWithTheLayer) {
  const Layout l = layout(Names{"0.w", "1.w"});
  EXPECT_THAT(stacks(l), ElementsAre(":2:"));
  EXPECT_EQ(l.renumbered(l.place("1.w"), 7), "7.w");
}

TEST(Layout, AContainerWithAGapIsLoose) { EXPECT_THAT(stacks(layout(Names{"mlp.0.w", "mlp.2.w"})), IsEmpty()); }

TEST(Layout, OneLayerNeedsTheCountInTheConfig) {
  EXPECT_THAT(stacks(layout(Names{"l.0.w"})), IsEmpty());
  EXPECT_THAT(stacks(layout(Names{"l.0.w"}, {{"n_layer", 1}})), ElementsAre("l:1:n_layer"));
}

TEST(Layout, LayersThatShareLittleNeedTheCountInTheConfig) {
  const Names names{"l.0.a", "l.0.b", "l.0.c", "l.1.a", "l.1.d", "l.1.e"};
  EXPECT_THAT(stacks(layout(names)), IsEmpty());
  EXPECT_THAT(stacks(layout(names, {{"num_hidden_layers", 2}})), ElementsAre("l:2:num_hidden_layers"));
}

TEST(Layout, HybridLayersThatShareHalfAreAStack) {
  EXPECT_THAT(stacks(layout(Names{"l.0.norm", "l.0.attn", "l.1.norm", "l.1.ssm"})), ElementsAre("l:2:"));
}

TEST(Layout, ALayerNumberBeyondArithmeticIsLoose) {
  const Layout l = layout(Names{"l.0.w", "l.1.w", "l.99999999999999999999999.w"});
  EXPECT_TRUE(before(l, "l.99999999999999999999999.w"));
}

TEST(Layout, ZerosBeforeANumberStay) {
  const Layout l = layout(Names{"l.00.w", "l.01.w"});
  EXPECT_EQ(l.renumbered(l.place("l.01.w"), 11), "l.11.w");
  EXPECT_EQ(l.renumbered(l.place("l.01.w"), 2), "l.02.w");
}

TEST(Layout, AContainerThatWritesItsNumbersInTwoWaysIsLoose) {
  EXPECT_THAT(stacks(layout(Names{"l.0.w", "l.1.w", "l.01.v"})), IsEmpty());
  EXPECT_THAT(stacks(layout(Names{"l.00.w", "l.001.w"})), IsEmpty());
  Names names{};
  for (int i = 0; i < 12; ++i) names.all.push_back(fmt::format("l.{:02}.w", i));  // 00 ... 09, 10, 11
  EXPECT_THAT(stacks(layout(names)), ElementsAre("l:12:"));
}

TEST(Layout, ALanguageModelWhoseCountTheConfigLeavesOutIsPrimaryStill) {
  // As llava-1.5-7b: its text_config names the model it was made from, and CLIP has more tensors.
  Names names{};
  names.layers("language_model.model.layers", 3, {"q", "k"})
      .layers("vision_tower.vision_model.encoder.layers", 4, {"a", "b", "c"});
  const Layout l = layout(names, {{"vision_config.num_hidden_layers", 4}}, "LlavaForConditionalGeneration");
  EXPECT_EQ(l.modules()[l.primary_module()].name, "language_model.model.layers");
  const Layout none = layout(names);
  EXPECT_EQ(none.modules()[none.primary_module()].name, "language_model.model.layers");
}

TEST(Layout, ALlamaIsOneModule) {
  const Layout l = layout(Names{"model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"}.layers(
                              "model.layers", 3, {"self_attn.q_proj.weight", "mlp.up_proj.weight"}),
                          {{"num_hidden_layers", 3}}, "LlamaForCausalLM");
  EXPECT_THAT(stacks(l), ElementsAre("model.layers:3:num_hidden_layers"));
  ASSERT_THAT(l.modules(), SizeIs(1));
  EXPECT_EQ(l.modules()[0].name, "default");
  EXPECT_EQ(l.find_module("model.layers"), 0u);
  EXPECT_TRUE(before(l, "model.embed_tokens.weight"));
  EXPECT_TRUE(after(l, "model.norm.weight"));
  EXPECT_TRUE(after(l, "lm_head.weight"));
  EXPECT_TRUE(before(l, "model.normal.weight"));
}

TEST(Layout, GptNormsBesideTheStackComeAfterIt) {
  const Layout l = layout(Names{}.layers("h", 2, {"w"}));
  EXPECT_TRUE(after(l, "ln_f.weight"));
  EXPECT_TRUE(before(l, "wte.weight"));
  const Layout prefixed = layout(Names{}.layers("transformer.h", 2, {"w"}));
  EXPECT_TRUE(after(prefixed, "transformer.ln_f.bias"));
}

TEST(Layout, BertsPoolerAndHeadsComeAfterTheLayers) {
  const Layout l =
      layout(Names{}.layers("bert.encoder.layer", 2, {"attention.self.query.weight"}), {{"num_hidden_layers", 2}});
  for (const char* name : {"bert.pooler.dense.weight", "cls.predictions.bias", "classifier.weight"}) {
    EXPECT_TRUE(after(l, name)) << name;
  }
  EXPECT_TRUE(before(l, "bert.embeddings.LayerNorm.weight"));
}

TEST(Layout, TheStacksOfT5AreItsModules) {
  const Layout l = layout(Names{"shared.weight", "encoder.final_layer_norm.weight", "decoder.final_layer_norm.weight"}
                              .layers("encoder.block", 2, {"layer.0.w"})
                              .layers("decoder.block", 2, {"layer.0.w", "layer.1.w"}),
                          {{"num_layers", 2}, {"num_decoder_layers", 2}}, "T5ForConditionalGeneration");
  EXPECT_THAT(stacks(l), ElementsAre("decoder.block:2:num_decoder_layers", "encoder.block:2:num_layers"));
  EXPECT_EQ(module_of(l, "encoder.block.1.layer.0.w"), "encoder");
  EXPECT_EQ(module_of(l, "decoder.final_layer_norm.weight"), "decoder");
  EXPECT_TRUE(after(l, "encoder.final_layer_norm.weight"));
  EXPECT_EQ(module_of(l, "shared.weight"), "shared");
  EXPECT_EQ(module_of(l, "lm_head.weight"), "shared");
}

TEST(Layout, WhispersCountsAreTakenByName) {
  const Layout l = layout(Names{"model.encoder.conv1.weight", "model.decoder.embed_tokens.weight"}
                              .layers("model.encoder.layers", 4, {"fc1.weight"})
                              .layers("model.decoder.layers", 4, {"fc1.weight", "encoder_attn.q_proj.weight"}),
                          {{"num_hidden_layers", 4}, {"decoder_layers", 4}, {"encoder_layers", 4}},
                          "WhisperForConditionalGeneration");
  EXPECT_THAT(stacks(l), ElementsAre("model.decoder.layers:4:decoder_layers", "model.encoder.layers:4:encoder_layers"));
  EXPECT_EQ(module_of(l, "model.encoder.conv1.weight"), "encoder");
}

Layout vision_model(const std::string& text, const std::string& tower, const std::string& projector) {
  return layout(Names{projector + "linear_1.weight", text + "embed_tokens.weight", "lm_head.weight"}
                    .layers(text + "layers", 2, {"self_attn.q_proj.weight", "mlp.up_proj.weight"})
                    .layers(tower + "encoder.layers", 3, {"a", "b", "c"}),
                {{"text_config.num_hidden_layers", 2}, {"vision_config.num_hidden_layers", 3}},
                "Gemma3ForConditionalGeneration");
}

TEST(Layout, VisionModelsOfEveryAgeHaveTheSameModules) {
  for (const auto& [text, tower, projector] :
       {std::tuple("language_model.model.", "vision_tower.vision_model.", "multi_modal_projector."),
        std::tuple("model.language_model.", "model.vision_tower.", "model.multi_modal_projector.")}) {
    const Layout l = vision_model(text, tower, projector);
    EXPECT_EQ(l.modules()[l.primary_module()].name, "text_decoder");
    EXPECT_EQ(module_of(l, std::string(text) + "embed_tokens.weight"), "text_decoder");
    EXPECT_EQ(module_of(l, "lm_head.weight"), "text_decoder");
    EXPECT_EQ(module_of(l, std::string(projector) + "linear_1.weight"), "multi_modal_projector");
    EXPECT_EQ(module_of(l, std::string(tower) + "encoder.layers.2.a"), "vision_tower");
    EXPECT_EQ(module_of(l, std::string(tower) + "pre_layrnorm.weight"), "vision_tower");
    EXPECT_TRUE(after(l, std::string(tower) + "post_layernorm.weight"));
  }
}

TEST(Layout, TheMergerOfQwen2VlIsAProjectorAndNoStack) {
  const Layout l =
      layout(Names{"visual.merger.mlp.0.weight", "visual.merger.mlp.2.weight", "visual.patch_embed.proj.weight"}
                 .layers("visual.blocks", 3, {"attn.qkv.weight"})
                 .layers("model.layers", 2, {"mlp.up_proj.weight"}),
             {{"num_hidden_layers", 2}, {"vision_config.depth", 3}}, "Qwen2VLForConditionalGeneration");
  EXPECT_THAT(stacks(l), ElementsAre("model.layers:2:num_hidden_layers", "visual.blocks:3:vision_config.depth"));
  EXPECT_EQ(module_of(l, "visual.merger.mlp.2.weight"), "multi_modal_projector");
  EXPECT_EQ(module_of(l, "visual.patch_embed.proj.weight"), "vision_tower");
}

TEST(Layout, StacksOfAnUnknownArchitectureAreNamedByTheirContainers) {
  const Layout l =
      layout(Names{"a.embed.weight", "head.weight"}.layers("a.layers", 2, {"w", "v"}).layers("b.layers", 3, {"w"}),
             {{"num_hidden_layers", 2}});
  EXPECT_EQ(l.find_module("b.layers"), 1u);
  EXPECT_EQ(l.modules()[l.primary_module()].name, "a.layers");
  EXPECT_EQ(l.find_module("default"), l.primary_module());
  EXPECT_EQ(module_of(l, "head.weight"), "a.layers");
  EXPECT_EQ(module_of(l, "b.norm.weight"), "b.layers");
}

TEST(Layout, AsManyStacksAsTensorsAreNoSlowerToTellApart) {
  Names names{};
  for (int i = 0; i < 30'000; ++i) {
    names.layers(fmt::format("s{}.l", i), 2, {"w"});
    names.all.push_back(fmt::format("s{}.norm", i));
  }
  const Layout l = layout(names);  // comparing each name with each stack takes most of a minute
  for (const auto& name : names.all)
    ASSERT_EQ(l.modules()[l.place(name).module].name, name.substr(0, name.find('.')) + ".l");
  EXPECT_TRUE(after(l, "s17.norm"));
  EXPECT_FALSE(after(l, "s17.m.norm"));
}

TEST(Layout, WhatPredictsFurtherTokensFollowsTheLayers) {
  Names names{"model.embed_tokens.weight", "lm_head.weight"};  // of layers that share little, with many experts
  for (int k = 0; k < 7; ++k) {
    names.all.push_back(fmt::format("model.layers.{}.norm", k));
    for (int e = 0; e < 5 && k > 0; ++e) names.all.push_back(fmt::format("model.layers.{}.mlp.experts.{}.w", k, e));
  }
  ModelConfig config;
  config.layer_counts = {{"num_hidden_layers", 5}};
  config.prediction_layers = 2;
  const std::vector<std::string_view> views(names.all.begin(), names.all.end());
  const Layout l(views, config);
  EXPECT_THAT(stacks(l), ElementsAre("model.layers:5:num_hidden_layers"));
  EXPECT_EQ(l.place("model.layers.4.norm").position, Position::layer);
  for (const int entry : {5, 6}) {  // in an output of 9 layers they are 9 and 10
    const Place place = l.place(names.all[0] = fmt::format("model.layers.{}.norm", entry));
    EXPECT_EQ(place.position, Position::after);
    EXPECT_TRUE(place.moves);
    EXPECT_EQ(l.renumbered(place, 9), fmt::format("model.layers.{}.norm", entry + 4));
  }
}

TEST(Layout, AListOfEmbeddingLayersAndHeadKeepsItsEndsApart) {
  const Layout l = layout(
      Names{"layers.0.wte.weight", "layers.4.ln.weight", "layers.4.linear.weight", "layers.1.mixer.w",
            "layers.2.mixer.w", "layers.3.mixer.w", "layers.1.ln.weight", "layers.2.ln.weight", "layers.3.ln.weight"},
      {{"n_layer", 3}});
  EXPECT_THAT(stacks(l), ElementsAre("layers:3:n_layer"));
  EXPECT_TRUE(before(l, "layers.0.wte.weight"));
  EXPECT_EQ(l.place("layers.1.mixer.w").layer, 0u);
  EXPECT_TRUE(after(l, "layers.4.linear.weight"));
  EXPECT_TRUE(l.place("layers.4.linear.weight").moves);
  EXPECT_EQ(l.renumbered(l.place("layers.4.linear.weight"), 5), "layers.6.linear.weight");
  EXPECT_EQ(l.renumbered(l.place("layers.3.mixer.w"), 4), "layers.5.mixer.w");
}

TEST(Layout, AFirstLayerOfAnotherKindIsALayerIfTheConfigCountsIt) {
  const Names names{"l.0.attn", "l.1.ssm", "l.2.ssm", "l.3.ssm"};
  EXPECT_THAT(stacks(layout(names, {{"num_hidden_layers", 4}, {"vision_config.depth", 3}})),
              ElementsAre("l:4:num_hidden_layers"));
}

}  // namespace
}  // namespace stockpot::plan
