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

TEST_F(ConfigLayers, APatternOfRecurrentGemmaIsWrittenOutWhereItNoLongerHolds) {
  const char* config = R"({"num_hidden_layers":4,"block_types":["r","r","a"]})";
  EXPECT_EQ(edited(config, {{"num_hidden_layers", 4, {0, 2, 3}}}),
            json(R"({"num_hidden_layers":3,"block_types":["r","a","r"]})"));
  EXPECT_EQ(edited(config, {{"num_hidden_layers", 4, {3, 1, 2, 0, 0, 2, 1}}}),
            json(R"({"num_hidden_layers":7,"block_types":["r","r","a"]})"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(ConfigLayers, GptNeosGroupsAreWrittenOut) {
  // Layers are g l g l; those of the output 0 1 3 0.
  EXPECT_EQ(edited(R"({"num_layers":4,"attention_types":[[["g","l"],2]],"attention_layers":["g","l","g","l"]})",
                   {{"num_layers", 4, {0, 1, 3, 0}}}),
            json(R"({"num_layers":4,"attention_types":[[["g","l","l","g"],1]],"attention_layers":["g","l","l","g"]})"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(ConfigLayers, GroupsThatAreNotAsManyAsTheLayersStay) {
  for (const char* groups :
       {"[[[\"g\"],18446744073709551615]]", "[[[\"g\"],1]]", "[[[],4]]", "[[[\"g\"]]]", "[[4,4]]"}) {
    const std::string config = std::string(R"({"num_layers":4,"attention_types":)") + groups + "}";
    EXPECT_EQ(edited(config, {{"num_layers", 4, {3, 2, 1, 0}}}), json(config));
    EXPECT_THAT(warnings, ElementsAre(StartsWith("ARC030"))) << groups;
  }
}

TEST_F(ConfigLayers, NemotronHCountsLayersByItsListOrByAText) {
  EXPECT_EQ(edited(R"({"layers_block_type":["m","a","f"]})", {{"layers_block_type", 3, {2, 0, 1, 0}}}),
            json(R"({"layers_block_type":["f","m","a","m"]})"));
  EXPECT_EQ(edited(R"({"num_hidden_layers":3,"hybrid_override_pattern":"M*-"})", {{"num_hidden_layers", 3, {2, 0}}}),
            json(R"({"num_hidden_layers":2,"hybrid_override_pattern":"-M"})"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(ConfigLayers, AListThatIsNotAsLongAsTheCountIsWarnedOf) {
  const char* config = R"({"num_hidden_layers":3,"layer_types":["a","b"]})";
  EXPECT_EQ(edited(config, {{"num_hidden_layers", 3, {0, 1, 2}}}), json(config));
  EXPECT_THAT(warnings, ElementsAre(AllOf(StartsWith("ARC030"), HasSubstr("2 entries for 3 layers"))));
}

TEST_F(ConfigLayers, EntriesForWhatPredictsFurtherTokensStayBehindTheLayers) {
  EXPECT_EQ(edited(R"({"num_hidden_layers":2,"num_nextn_predict_layers":1,"layer_types":["a","b","next"]})",
                   {{"num_hidden_layers", 2, {0, 1, 1}}}),
            json(R"({"num_hidden_layers":3,"num_nextn_predict_layers":1,"layer_types":["a","b","b","next"]})"));
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("num_nextn_predict_layers")));
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

TEST_F(ConfigLayers, KimiLinearCountsLayersFromOne) {
  const char* config =
      R"({"n_layer":4,"linear_attn_config":{"full_attn_layers":[2,4],"kda_layers":[1,3],"head_dim":4}})";
  EXPECT_EQ(edited(config, {{"n_layer", 4, {1, 0, 3}}}),
            json(R"({"n_layer":3,"linear_attn_config":{"full_attn_layers":[1,3],"kda_layers":[2],"head_dim":4}})"));
  EXPECT_THAT(warnings, IsEmpty());
  edited(R"({"n_layer":2,"linear_attn_config":{"full_attn_layers":[0]}})", {{"n_layer", 2, {1, 0}}});
  EXPECT_THAT(warnings, ElementsAre(AllOf(StartsWith("ARC030"), HasSubstr("linear_attn_config.full_attn_layers"))));
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
  const char* config = R"({"num_hidden_layers":3,"num_nextn_predict_layers":1,"global_attn_every_n_layers":3})";
  edited(config, {{"num_hidden_layers", 3, {0, 1}}});
  EXPECT_THAT(warnings, IsEmpty());
  edited(config, {{"num_hidden_layers", 3, {0, 2}}});
  EXPECT_THAT(warnings, ElementsAre(AllOf(StartsWith("ARC031"), HasSubstr("num_nextn_predict_layers")),
                                    AllOf(StartsWith("ARC031"), HasSubstr("global_attn_every_n_layers"))));
}

TEST_F(ConfigLayers, ACountWithoutPlaceIsWarnedOf) {
  for (const char* key : {"", "num_hidden_layers", "text_config.num_hidden_layers"}) {
    EXPECT_EQ(edited(R"({"text_config":{}})", {{key, 2, {0, 1, 0}}}), json(R"({"text_config":{}})"));
    EXPECT_THAT(warnings, ElementsAre(AllOf(StartsWith("ARC032"), HasSubstr("= 3")))) << key;
  }
}

}  // namespace
}  // namespace stockpot::io
