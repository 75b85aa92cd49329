// Layer counts and what goes with them, in configs as the families of models write them.
#include "io/config_layers.hpp"

#include <gmock/gmock.h>

namespace stockpot::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class ConfigLayers : public testing::Test {
 protected:
  JsonText edited(const std::string& config, const std::vector<ConfigEdits::Layers>& stacks) {
    warnings.clear();
    JsonText document = json(config);
    edit_layers(document, stacks, "config.json", warnings);
    return document;
  }
  static JsonText json(const std::string& text) { return parse_json_text(text, "test", "FMT022"); }

  std::vector<std::string> warnings;
};

TEST_F(ConfigLayers, LlamasLayersAreOneNumber) {
  EXPECT_EQ(edited(R"({"num_hidden_layers":2,"hidden_size":2})", {{"num_hidden_layers", 2, {0, 1, 0}}}),
            json(R"({"num_hidden_layers":3,"hidden_size":2})"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(ConfigLayers, Gpt2CallsThemByAnotherName) {
  EXPECT_EQ(edited(R"({"n_layer":3,"n_head":3})", {{"n_layer", 3, {2}}}), json(R"({"n_layer":1,"n_head":3})"));
}

TEST_F(ConfigLayers, Gemma3sLayerTypesFollowTheLayers) {
  EXPECT_EQ(edited(R"({"text_config":{"num_hidden_layers":3,"layer_types":["s","s","f"],"other":[1,2]},
                            "layer_types":["top","is","else"],"vision_config":{"num_hidden_layers":3}})",
                   {{"text_config.num_hidden_layers", 3, {0, 2, 1, 2}}}),
            json(R"({"text_config":{"num_hidden_layers":4,"layer_types":["s","f","s","f"],"other":[1,2]},
                     "layer_types":["top","is","else"],"vision_config":{"num_hidden_layers":3}})"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(ConfigLayers, Gemma3nsWidthsFollowTheLayers) {
  EXPECT_EQ(edited(R"({"num_hidden_layers":3,"intermediate_size":[7,8,9],"activation_sparsity_pattern":[0.9,0.5,0.0]})",
                   {{"num_hidden_layers", 3, {2, 0}}}),
            json(R"({"num_hidden_layers":2,"intermediate_size":[9,7],"activation_sparsity_pattern":[0.0,0.9]})"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(ConfigLayers, Zamba2AndLlama4NumberTheirOtherLayers) {
  EXPECT_EQ(edited(R"({"num_hidden_layers":4,"hybrid_layer_ids":[1,3],"moe_layers":[3]})",
                   {{"num_hidden_layers", 4, {0, 2, 3, 3}}}),
            json(R"({"num_hidden_layers":4,"hybrid_layer_ids":[2,3],"moe_layers":[2,3]})"));
}

TEST_F(ConfigLayers, PeriodsOfJambaAndPatternsOfRecurrentGemmaAreWarnedOf) {
  const std::string config =
      R"({"num_hidden_layers":4,"attn_layer_period":2,"expert_layer_period":1,"block_types":["r","a"]})";
  edited(config, {{"num_hidden_layers", 4, {0, 2, 3}}});
  EXPECT_THAT(warnings, ElementsAre(AllOf(StartsWith("ARC031"), HasSubstr("attn_layer_period")),
                                    AllOf(StartsWith("ARC031"), HasSubstr("block_types"))));
  edited(config, {{"num_hidden_layers", 4, {0, 1, 2}}});
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(ConfigLayers, StacksOfQwen2VlAreInObjectsOfTheirOwn) {
  EXPECT_EQ(edited(R"({"num_hidden_layers":4,"vision_config":{"depth":4,"fullatt_block_indexes":[1,3]}})",
                   {{"num_hidden_layers", 4, {0, 1}}, {"vision_config.depth", 4, {0, 1, 2, 3, 3}}}),
            json(R"({"num_hidden_layers":2,"vision_config":{"depth":5,"fullatt_block_indexes":[1,3]}})"));
}

TEST_F(ConfigLayers, DeepPathsAreFollowed) {
  EXPECT_EQ(edited(R"({"thinker_config":{"text_config":{"num_hidden_layers":2}}})",
                   {{"thinker_config.text_config.num_hidden_layers", 2, {1}}}),
            json(R"({"thinker_config":{"text_config":{"num_hidden_layers":1}}})"));
}

TEST_F(ConfigLayers, T5HasTwoStacksInOneObject) {
  EXPECT_EQ(edited(R"({"num_layers":2,"num_decoder_layers":2})",
                   {{"num_layers", 2, {0, 1, 1}}, {"num_decoder_layers", 2, {0}}}),
            json(R"({"num_layers":3,"num_decoder_layers":1})"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(ConfigLayers, AListFollowsTheFirstStackThatItFitsAndNoOther) {
  EXPECT_EQ(edited(R"({"num_layers":2,"num_decoder_layers":2,"layer_types":["a","b"]})",
                   {{"num_layers", 2, {1, 0}}, {"num_decoder_layers", 2, {1, 0}}}),
            json(R"({"num_layers":2,"num_decoder_layers":2,"layer_types":["b","a"]})"));
}

TEST_F(ConfigLayers, StacksThatShareTheirCountMustAgree) {
  const char* config = R"({"num_layers":2})";
  EXPECT_EQ(edited(config, {{"num_layers", 2, {0}}, {"num_layers", 2, {1}}}), json(R"({"num_layers":1})"));
  EXPECT_THAT(warnings, IsEmpty());
  EXPECT_EQ(edited(config, {{"num_layers", 2, {0}}, {"num_layers", 2, {0, 1, 1}}}), json(R"({"num_layers":1})"));
  EXPECT_THAT(warnings, ElementsAre(AllOf(StartsWith("ARC032"), HasSubstr("num_layers = 3"))));
}

TEST_F(ConfigLayers, Qwen3MoesLayerNumbersAreThoseOfTheOutput) {
  // Layers 1 and 3 are dense. The output's layers 0..5 come from 3 0 1 2 3 1: dense are 0, 2, 4 and 5.
  EXPECT_EQ(edited(R"({"num_hidden_layers":4,"mlp_only_layers":[3,1],"full_attn_idxs":[]})",
                   {{"num_hidden_layers", 4, {3, 0, 1, 2, 3, 1}}}),
            json(R"({"num_hidden_layers":6,"mlp_only_layers":[0,2,4,5],"full_attn_idxs":[]})"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(ConfigLayers, AFullListOfLayerNumbersIsNoListByLayer) {
  EXPECT_EQ(edited(R"({"num_hidden_layers":2,"attn_layer_indices":[0,1]})", {{"num_hidden_layers", 2, {1, 1, 0}}}),
            json(R"({"num_hidden_layers":3,"attn_layer_indices":[0,1,2]})"));
}

TEST_F(ConfigLayers, AnUnknownListOfThatLengthStaysAndIsWarnedOf) {
  EXPECT_EQ(edited(R"({"num_hidden_layers":2,"gains":[1.0,2.0],"three":[1,2,3]})", {{"num_hidden_layers", 2, {1}}}),
            json(R"({"num_hidden_layers":1,"gains":[1.0,2.0],"three":[1,2,3]})"));
  EXPECT_THAT(warnings, ElementsAre(AllOf(StartsWith("ARC030: config.json"), HasSubstr("gains"))));
}

TEST_F(ConfigLayers, ListsCannotFollowToLayersThatTheAnchorLacks) {
  const char* lists = R"({"num_hidden_layers":2,"layer_types":["a","b"],"mlp_only_layers":[1]})";
  EXPECT_EQ(edited(lists, {{"num_hidden_layers", 2, {0, 1, 2}}}),
            json(R"({"num_hidden_layers":3,"layer_types":["a","b"],"mlp_only_layers":[1]})"));
  EXPECT_THAT(warnings, ElementsAre(AllOf(StartsWith("ARC030"), HasSubstr("layer_types")),
                                    AllOf(StartsWith("ARC030"), HasSubstr("mlp_only_layers"))));
}

TEST_F(ConfigLayers, ListsOfSomethingElseThanLayerNumbersStay) {
  for (const char* list : {"[-1]", "[2]", "[0.0]", "[\"0\"]", "[null]"}) {
    const std::string config = std::string(R"({"num_hidden_layers":2,"mlp_only_layers":)") + list + "}";
    EXPECT_EQ(edited(config, {{"num_hidden_layers", 2, {1, 0}}}), json(config));
    EXPECT_THAT(warnings, ElementsAre(StartsWith("ARC030"))) << list;
  }
}

TEST_F(ConfigLayers, NumbersThatDependOnTheOrderAreWarnedOfIfItChanges) {
  const char* config = R"({"num_hidden_layers":3,"max_window_layers":2,"first_k_dense_replace":1,
                           "num_nextn_predict_layers":0})";
  edited(config, {{"num_hidden_layers", 3, {0, 1}}});
  EXPECT_THAT(warnings, IsEmpty());
  edited(config, {{"num_hidden_layers", 3, {0, 2}}});
  EXPECT_THAT(warnings, ElementsAre(AllOf(StartsWith("ARC031"), HasSubstr("max_window_layers")),
                                    AllOf(StartsWith("ARC031"), HasSubstr("first_k_dense_replace"))));
}

TEST_F(ConfigLayers, ACountWithoutPlaceIsWarnedOf) {
  for (const char* key : {"", "num_hidden_layers", "text_config.num_hidden_layers"}) {
    EXPECT_EQ(edited(R"({"text_config":{}})", {{key, 2, {0, 1, 0}}}), json(R"({"text_config":{}})"));
    EXPECT_THAT(warnings, ElementsAre(AllOf(StartsWith("ARC032"), HasSubstr("= 3")))) << key;
  }
}

}  // namespace
}  // namespace stockpot::io
