#include "plan/layers.hpp"

#include <gtest/gtest.h>

namespace stockpot::plan {
namespace {

using Names = std::vector<std::string_view>;

TEST(LayerStacks, DepthRunsFromTheFirstLayerToTheLast) {
  const LayerStacks stacks(Names{"m.layers.0.w", "m.layers.1.w", "m.layers.2.w"}, {});
  EXPECT_EQ(stacks.depth("m.layers.0.w", 0), 0.0);
  EXPECT_EQ(stacks.depth("m.layers.1.w", 0), 0.5);
  EXPECT_EQ(stacks.depth("m.layers.2.w", 0), 1.0);
  EXPECT_EQ(stacks.longest(), 3u);
}

TEST(LayerStacks, TheFirstNumberOfANameIsTheLayer) {
  const LayerStacks stacks(Names{"h.0.experts.0.w", "h.0.experts.1.w", "h.1.experts.0.w", "h.1.experts.1.w"}, {});
  EXPECT_EQ(stacks.depth("h.0.experts.1.w", 0), 0.0);
  EXPECT_EQ(stacks.depth("h.1.experts.0.w", 0), 1.0);
}

TEST(LayerStacks, NamesMayBeginWithTheLayer) {
  const LayerStacks stacks(Names{"0.w", "1.w"}, {});
  EXPECT_EQ(stacks.depth("1.w", 0), 1.0);
}

TEST(LayerStacks, AContainerWithAGapIsLoose) {
  const LayerStacks stacks(Names{"mlp.0.w", "mlp.2.w"}, {});
  EXPECT_EQ(stacks.depth("mlp.2.w", 0), 0.0);
  EXPECT_EQ(stacks.longest(), 0u);
}

TEST(LayerStacks, OneLayerIsLoose) { EXPECT_EQ(LayerStacks(Names{"l.0.w"}, {}).depth("l.0.w", 0), 0.0); }

TEST(LayerStacks, LayersThatShareLittleNeedTheCountInTheConfig) {
  const Names names{"l.0.a", "l.0.b", "l.0.c", "l.1.a", "l.1.d", "l.1.e"};
  EXPECT_EQ(LayerStacks(names, {}).depth("l.1.a", 0), 0.0);
  const std::vector<ModelConfig::LayerCount> counts{{"num_hidden_layers", 2}};
  EXPECT_EQ(LayerStacks(names, counts).depth("l.1.a", 0), 1.0);
}

TEST(LayerStacks, HybridLayersThatShareHalfAreAStack) {
  const Names names{"l.0.norm", "l.0.attn", "l.1.norm", "l.1.ssm"};
  EXPECT_EQ(LayerStacks(names, {}).depth("l.1.ssm", 0), 1.0);
}

TEST(LayerStacks, TensorsAfterTheLayersTakeTheirOwnDepth) {
  const LayerStacks stacks(Names{"model.layers.0.w", "model.layers.1.w"}, {});
  for (const char* post : {"model.norm.weight", "lm_head.weight", "score.weight", "model.final_layernorm.bias"}) {
    EXPECT_EQ(stacks.depth(post, 1.0), 1.0) << post;
    EXPECT_EQ(stacks.depth(post, 0.0), 0.0) << post;
  }
  for (const char* pre : {"model.embed_tokens.weight", "embeddings.norm.weight", "model.normal.weight"}) {
    EXPECT_EQ(stacks.depth(pre, 1.0), 0.0) << pre;
  }
}

TEST(LayerStacks, ANormBesideAStackWithoutParentIsAfterIt) {
  const LayerStacks stacks(Names{"h.0.w", "h.1.w"}, {});
  EXPECT_EQ(stacks.depth("ln_f.weight", 1.0), 1.0);
  EXPECT_EQ(stacks.depth("wte.weight", 1.0), 0.0);
}

TEST(LayerStacks, ALayerNumberBeyondArithmeticIsLoose) {
  const LayerStacks stacks(Names{"l.0.w", "l.1.w", "l.99999999999999999999999.w"}, {});
  EXPECT_EQ(stacks.depth("l.99999999999999999999999.w", 0), 0.0);
}

}  // namespace
}  // namespace stockpot::plan
