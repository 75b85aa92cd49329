#include "io/model_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stockpot::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ModelConfig config_of(const char* text, std::vector<std::string>* warnings = nullptr) {
  std::vector<std::string> ignored;
  return model_config(nlohmann::ordered_json::parse(text), "config.json", warnings != nullptr ? *warnings : ignored);
}

std::vector<std::string> counts_of(const char* text) {
  std::vector<std::string> counts;
  for (const auto& count : config_of(text).layer_counts)
    counts.push_back(count.key + "=" + std::to_string(count.layers));
  return counts;
}

TEST(ModelConfig, KnowsArchitectureAndType) {
  std::vector<std::string> warnings;
  const auto config = config_of(R"({"architectures":["LlamaForCausalLM"],"model_type":"llama"})", &warnings);
  EXPECT_THAT(config.architectures, ElementsAre("LlamaForCausalLM"));
  EXPECT_EQ(config.model_type, "llama");
  EXPECT_THAT(warnings, IsEmpty());
}

TEST(ModelConfig, NoneOrSeveralArchitecturesAreRemarked) {
  for (const char* text : {"{}", R"({"architectures":null})", R"({"architectures":["A","B"]})"}) {
    std::vector<std::string> warnings;
    config_of(text, &warnings);
    EXPECT_THAT(warnings, ElementsAre(HasSubstr("ARC001"))) << text;
  }
}

TEST(ModelConfig, LayerCountsComeInTheOrderOfSearchNotOfTheFile) {
  EXPECT_THAT(counts_of(R"({"num_layers":3,"vision_config":{"depth":5},"num_hidden_layers":2,
                            "text_config":{"n_layer":4,"num_hidden_layers":6}})"),
              ElementsAre("num_hidden_layers=2", "num_layers=3", "text_config.num_hidden_layers=6",
                          "text_config.n_layer=4", "vision_config.depth=5"));
}

TEST(ModelConfig, AListByLayerCountsWhereNoNumberDoes) {
  EXPECT_THAT(counts_of(R"({"layers_block_type":["mlp","moe","mlp"]})"), ElementsAre("layers_block_type=3"));
  EXPECT_THAT(counts_of(R"({"text_config":{"layer_types":["a","b"]},"layer_types":[]})"),
              ElementsAre("text_config.layer_types=2"));
  EXPECT_THAT(counts_of(R"({"num_hidden_layers":2,"layers_block_type":["mlp"]})"), ElementsAre("num_hidden_layers=2"));
}

TEST(ModelConfig, KnowsHowManyEntriesPredictFurtherTokens) {
  EXPECT_EQ(config_of("{}").prediction_layers, std::nullopt);
  EXPECT_EQ(config_of(R"({"num_nextn_predict_layers":1})").prediction_layers, 1u);
  EXPECT_EQ(config_of(R"({"text_config":{"num_nextn_predict_layers":2}})").prediction_layers, 2u);
}

TEST(ModelConfig, NestedPathsAreFollowed) {
  EXPECT_THAT(counts_of(R"({"thinker_config":{"text_config":{"num_blocks":7}}})"),
              ElementsAre("thinker_config.text_config.num_blocks=7"));
}

TEST(ModelConfig, ValuesOfAnotherKindCountAsAbsent) {
  EXPECT_THAT(counts_of(R"({"num_hidden_layers":"2","n_layer":-1,"num_layers":2.0,"depth":null,"text_config":[1]})"),
              IsEmpty());
  EXPECT_EQ(config_of(R"({"model_type":1,"architectures":"A"})").model_type, "");
}

TEST(ModelConfig, TiedEmbeddingsMayBeSaidInTheTextPart) {
  EXPECT_EQ(config_of("{}").tied_embeddings, std::nullopt);
  EXPECT_EQ(config_of(R"({"tie_word_embeddings":true})").tied_embeddings, true);
  EXPECT_EQ(config_of(R"({"text_config":{"tie_word_embeddings":false}})").tied_embeddings, false);
  EXPECT_EQ(config_of(R"({"tie_word_embeddings":true,"text_config":{"tie_word_embeddings":false}})").tied_embeddings,
            true);
}

TEST(ModelConfig, SizesAreThoseOfTheTextModel) {
  const auto config = config_of(R"({"hidden_size":64,"vision_config":{"vocab_size":9},
                                    "text_config":{"vocab_size":100,"hidden_size":32,"n_routed_experts":4}})");
  EXPECT_EQ(config.vocab_size, 100u);
  EXPECT_EQ(config.hidden_size, 32u) << "the text model's own object knows best";
  EXPECT_EQ(config.experts, 4u);
  EXPECT_EQ(config_of(R"({"num_local_experts":8,"num_experts":2})").experts, 2u);
  EXPECT_EQ(config_of(R"({"num_local_experts":8})").experts, 8u);
  const auto empty = config_of(R"({"vocab_size":null,"hidden_size":"64","num_experts":-1})");
  EXPECT_EQ(empty.vocab_size, std::nullopt);
  EXPECT_EQ(empty.hidden_size, std::nullopt);
  EXPECT_EQ(empty.experts, std::nullopt);
}

TEST(ModelConfig, AQuantizationSaysHowLargeBlocksAre) {
  const auto blocks = config_of(R"({"quantization_config":{"weight_block_size":[64,128]}})");
  EXPECT_EQ(blocks.block_rows, 64u);
  EXPECT_EQ(blocks.block_columns, 128u);
  const auto groups = config_of(
      R"({"quantization_config":{"config_groups":{"group_0":{"weights":{"group_size":32,"block_structure":[16,8]}}}}})");
  EXPECT_EQ(groups.group_size, 32u);
  EXPECT_EQ(groups.block_rows, 16u);
  const auto odd = config_of(
      R"({"quantization_config":{"weight_block_size":[-1,"x"],"config_groups":{"a":{"weights":{"group_size":1}},"b":{}}}})");
  EXPECT_TRUE(odd.quantized);
  EXPECT_EQ(odd.block_rows, std::nullopt);
  EXPECT_EQ(odd.group_size, std::nullopt);
}

TEST(ModelConfig, AQuantizationIsAnObject) {
  EXPECT_TRUE(config_of(R"({"quantization_config":{}})").quantized);
  EXPECT_TRUE(config_of(R"({"text_config":{"quantization_config":{"bits":4}}})").quantized);
  EXPECT_FALSE(config_of(R"({"quantization_config":null,"vision_config":{"quantization_config":{}}})").quantized);
}

}  // namespace
}  // namespace stockpot::io
