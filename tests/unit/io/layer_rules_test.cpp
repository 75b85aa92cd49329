// Rules of config.json that say by a layer's place what kind it is. Expected values were worked out by hand.
#include "io/layer_rules.hpp"

#include <gmock/gmock.h>

#include "core/error.hpp"
#include "io/config_layers.hpp"

namespace stockpot::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class LayerRules : public testing::Test {
 protected:
  /// A config of `layers` layers and these members after its output's layers are those of `from`.
  std::string edited(const std::string& members, std::uint64_t layers, const std::vector<std::uint64_t>& from) {
    warnings.clear();
    JsonText config = json(members);
    config.set("n_layer", JsonText::number(layers));
    edit_layers(config, {{"n_layer", layers, from}}, "config.json", warnings);
    config.erase("n_layer");
    return config.dump();
  }
  std::string refused(const std::string& members, std::uint64_t layers, const std::vector<std::uint64_t>& from) {
    try {
      edited(members, layers, from);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  static JsonText json(const std::string& text) { return parse_json_text(text, "test", "FMT022"); }
  static std::string same(const std::string& text) { return json(text).dump(); }

  std::vector<std::string> warnings;
};

const std::string jamba = R"({"attn_layer_period":4,"attn_layer_offset":2})";  // of 8 layers attention are 2 and 6

TEST_F(LayerRules, ThatStillHoldStayAsTheyAre) {
  EXPECT_EQ(edited(jamba, 8, {4, 5, 6, 7, 0, 1, 2, 3}), same(jamba));
  EXPECT_EQ(edited(jamba, 8, {0, 1, 2, 3, 4, 5}), same(jamba));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(LayerRules, APeriodIsFoundAnew) {
  EXPECT_EQ(edited(jamba, 8, {1, 2, 5, 6}), same(R"({"attn_layer_period":2,"attn_layer_offset":1})"));
  EXPECT_EQ(edited(jamba, 8, {2, 1, 0}), same(R"({"attn_layer_period":4,"attn_layer_offset":0})"));
  EXPECT_EQ(edited(jamba, 8, {0, 1, 3}), same(R"({"attn_layer_period":4,"attn_layer_offset":3})"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(LayerRules, LayersThatNoPeriodPutsThereAreRefused) {
  EXPECT_THAT(refused(jamba, 8, {0, 1, 2, 2, 3, 6}),
              AllOf(HasSubstr("ARC031"), HasSubstr("layer 3 of the output comes from layer 2, of kind 'attention'"),
                    HasSubstr("'mamba'"), HasSubstr("config.json")));
}

TEST_F(LayerRules, ExpertsOfJambaNeedThatThereAreSome) {
  const std::string one = R"({"num_experts":1,"expert_layer_period":2,"expert_layer_offset":1})";
  EXPECT_EQ(edited(one, 4, {1, 1, 0, 0}), same(one));
}

TEST_F(LayerRules, DeepSeeksDenseLayersComeFirst) {
  const std::string config = R"({"first_k_dense_replace":2})";
  EXPECT_EQ(edited(config, 5, {1, 2, 3, 4}), same(R"({"first_k_dense_replace":1})"));
  EXPECT_EQ(edited(config, 5, {0, 1, 0, 1, 4}), same(R"({"first_k_dense_replace":4})"));
  EXPECT_THAT(refused(config, 5, {0, 1, 2, 3, 1, 2}), HasSubstr("layer 4 of the output comes from layer 1"));
  EXPECT_EQ(edited(R"({"first_k_dense_replace":1,"mlp_layer_types":["d","s"]})", 2, {1, 0}),
            same(R"({"first_k_dense_replace":1,"mlp_layer_types":["s","d"]})"));
  EXPECT_THAT(warnings, ElementsAre(StartsWith("ARC031")));
}

TEST_F(LayerRules, QwensDenseLayersAreListed) {
  const std::string config = R"({"num_experts":4,"decoder_sparse_step":2,"mlp_only_layers":[3]})";  // experts: 1, 5
  EXPECT_EQ(edited(config, 6, {1, 0, 5}), same(R"({"num_experts":4,"decoder_sparse_step":1,"mlp_only_layers":[1]})"));
  EXPECT_EQ(edited(config, 6, {2, 3, 4, 5}),
            same(R"({"num_experts":4,"decoder_sparse_step":2,"mlp_only_layers":[1]})"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(LayerRules, Llama4sLayersWithExpertsAreListed) {
  EXPECT_EQ(edited(R"({"interleave_moe_layer_step":2,"moe_layers":null})", 4, {0, 1, 1}),
            same(R"({"interleave_moe_layer_step":2,"moe_layers":[1,2]})"));
  EXPECT_EQ(edited(R"({"interleave_moe_layer_step":2,"moe_layers":[1,3]})", 4, {1, 0}),
            same(R"({"interleave_moe_layer_step":2,"moe_layers":[0]})"));
}

TEST_F(LayerRules, ErniesLayersWithExpertsHaveAFirstAndALast) {
  const std::string config = R"({"moe_layer_start_index":1,"moe_layer_end_index":3,"moe_layer_interval":1})";
  EXPECT_EQ(edited(config, 4, {0, 1, 2, 3, 2, 3}),
            same(R"({"moe_layer_start_index":1,"moe_layer_end_index":5,"moe_layer_interval":1})"));
  EXPECT_EQ(edited(R"({"moe_layer_start_index":1,"moe_layer_end_index":-1,"moe_layer_interval":1})", 4, {0, 1, 1}),
            same(R"({"moe_layer_start_index":1,"moe_layer_end_index":-1,"moe_layer_interval":1})"));
  EXPECT_THAT(refused(config, 4, {1, 2, 0, 3, 0, 1}), HasSubstr("ARC031"));
}

TEST_F(LayerRules, BecomeAListWhereThereIsOneToSayIt) {
  EXPECT_EQ(edited(R"({"full_attention_interval":2})", 4, {1, 0}),
            same(R"({"full_attention_interval":2,"layer_types":["full_attention","linear_attention"]})"));
  EXPECT_EQ(edited(R"({"sliding_window_pattern":3})", 3, {0, 2}),
            same(R"({"sliding_window_pattern":3,"layer_types":["sliding_attention","full_attention"]})"));
  EXPECT_EQ(edited(R"({"no_rope_layers":[]})", 4, {3, 0}), same(R"({"no_rope_layers":[0,1]})"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(LayerRules, AreNoneBesideAListThatSaysIt) {
  const std::string config = R"({"sliding_window_pattern":2,"max_window_layers":1,"layer_types":["s","f"]})";
  EXPECT_EQ(edited(config, 2, {1, 0}),
            same(R"({"sliding_window_pattern":2,"max_window_layers":1,"layer_types":["f","s"]})"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(LayerRules, WindowsThatCannotFollowAreWarnedOf) {
  const std::string config = R"({"max_window_layers":1})";
  EXPECT_EQ(edited(config, 2, {1, 0}), same(config));
  EXPECT_THAT(warnings, ElementsAre(AllOf(StartsWith("ARC031"), HasSubstr("max_window_layers"))));
  EXPECT_EQ(edited(R"({"max_window_layers":1,"use_sliding_window":false})", 2, {1, 0}),
            same(R"({"max_window_layers":1,"use_sliding_window":false})"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(LayerRules, LayersThatShareKeysAreTheLast) {
  const std::string config = R"({"num_kv_shared_layers":2})";
  EXPECT_EQ(edited(config, 4, {0, 1, 3}), same(R"({"num_kv_shared_layers":1})"));
  EXPECT_THAT(refused(config, 4, {2, 0}), HasSubstr("layer 1 of the output comes from layer 0, of kind 'own keys'"));
}

TEST_F(LayerRules, NumbersOfAnotherKindAreNoRule) {
  for (const char* config : {R"({"attn_layer_period":0,"attn_layer_offset":0})", R"({"first_k_dense_replace":"1"})",
                             R"({"decoder_sparse_step":0})", R"({"moe_layer_interval":[1,1]})"}) {
    EXPECT_EQ(edited(config, 2, {1, 0}), same(config));
  }
}

}  // namespace
}  // namespace stockpot::io
