#include "io/config_edits.hpp"

#include <gmock/gmock.h>

#include "io/json_text.hpp"
#include "support/error_of.hpp"

namespace stockpot::io {
namespace {

using test::error_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

/// The config as it comes out, and with it the warnings. Most tests have a config on one line and compare meaning.
class EditedConfig : public testing::Test {
 protected:
  std::string edited(const std::string& config, const ConfigEdits& edits = {}) {
    warnings.clear();
    return edited_config(config, edits, "config.json", warnings);
  }
  JsonText edited_json(const std::string& config, const ConfigEdits& edits) { return json(edited(config, edits)); }
  static JsonText json(const std::string& text) { return parse_json_text(text, "expected", "FMT022"); }

  std::vector<std::string> warnings;
};

ConfigEdits with_dtype(DType dtype) {
  ConfigEdits edits;
  edits.dtype = dtype;
  return edits;
}
ConfigEdits with_rows(std::uint64_t rows, std::optional<std::uint64_t> before) {
  ConfigEdits edits;
  edits.vocab_size = rows;
  edits.old_vocab_size = before;
  return edits;
}

TEST_F(EditedConfig, KeepsOrderUnknownKeysAndNumbers) {
  const std::string config =
      "{\n  \"z\": 1e-05,\n  \"rope_theta\": 1000000.0,\n  \"a\": [\n    1,\n    2.5\n  ],\n  \"big\": "
      "18446744073709551615,\n  \"scale\": 1E+2,\n  \"text\": \"\xc3\xa9\"\n}\n";
  EXPECT_EQ(edited(config), config);
}

TEST_F(EditedConfig, ForgetsWhereTheAnchorLay) {
  EXPECT_EQ(edited(R"({"_name_or_path": "/home/me/model", "a": 1})"), "{\n  \"a\": 1\n}\n");
  EXPECT_EQ(edited_json(R"({"text_config":{"_name_or_path":"/home/me/llm","b":2}})", {}),
            json(R"({"text_config":{"b":2}})"));
}

TEST_F(EditedConfig, AssignsKeysInTheirPlaceOrAtTheEnd) {
  using How = ConfigEdits::Assignment::How;
  ConfigEdits edits;
  edits.assignments = {{"model_type", R"("mixtral")"},  {"experts", "4"},          {"window", "null"},
                       {"layer_types", "", How::erase}, {"heads", "n", How::copy}, {"more", "absent", How::copy},
                       {"map", R"({"a":["b"]})"}};
  EXPECT_EQ(edited(R"({"model_type":"llama","layer_types":[1],"n":8})", edits),
            "{\n  \"model_type\": \"mixtral\",\n  \"n\": 8,\n  \"experts\": 4,\n  \"window\": null,\n  \"heads\": 8,\n"
            "  \"map\": {\n    \"a\": [\n      \"b\"\n    ]\n  }\n}\n");
}

TEST_F(EditedConfig, AnAssignmentMayYieldToKeysThatAreThere) {
  ConfigEdits edits;
  edits.assignments = {{"eps", "1e-06", ConfigEdits::Assignment::How::set, {"eps"}},
                       {"theta", "1.0", ConfigEdits::Assignment::How::set, {"theta", "rope"}}};
  EXPECT_EQ(edited_json(R"({"eps":1e-05,"rope":{}})", edits), json(R"({"eps":1e-05,"rope":{}})"));
  EXPECT_EQ(edited_json("{}", edits), json(R"({"eps":1e-06,"theta":1.0})"));
}

TEST_F(EditedConfig, PutsTheDtypeWhereTheAnchorHasIt) {
  EXPECT_EQ(edited_json(R"({"dtype":"float32","a":1})", with_dtype(DType::bf16)),
            json(R"({"dtype":"bfloat16","a":1})"));
  EXPECT_EQ(edited_json(R"({"torch_dtype":"float32"})", with_dtype(DType::f16)), json(R"({"torch_dtype":"float16"})"));
  EXPECT_EQ(edited_json(R"({"dtype":null,"torch_dtype":"x"})", with_dtype(DType::f16)),
            json(R"({"dtype":"float16","torch_dtype":"float16"})"));
}

TEST_F(EditedConfig, AddsTorchDtypeIfThereIsNone) {
  EXPECT_EQ(edited(R"({"a":1})", with_dtype(DType::f32)), "{\n  \"a\": 1,\n  \"torch_dtype\": \"float32\"\n}\n");
}

TEST_F(EditedConfig, NestedConfigsChangeOnlyWhatTheyHave) {
  EXPECT_EQ(edited_json(R"({"dtype":"a","text_config":{"dtype":"a","x_config":{"torch_dtype":"a"}},"vision_config":{},
                            "other":{"dtype":"a"}})",
                        with_dtype(DType::bf16)),
            json(R"({"dtype":"bfloat16","text_config":{"dtype":"bfloat16","x_config":{"torch_dtype":"bfloat16"}},
                     "vision_config":{},"other":{"dtype":"a"}})"));
}

TEST_F(EditedConfig, WhatIsNoObjectIsRefused) {
  EXPECT_THAT(error_of([&] { edited("[1]"); }).what(), AllOf(HasSubstr("config.json"), HasSubstr("FMT022")));
  EXPECT_EQ(error_of([&] { edited("{"); }).kind(), ErrorKind::corrupt_input);
}

TEST_F(EditedConfig, AnUntiedHeadIsSaidAtTopLevelAndWhereTheKeyIs) {
  ConfigEdits edits;
  edits.untie_head = true;
  EXPECT_EQ(edited_json(R"({"text_config":{"tie_word_embeddings":true},"vision_config":{}})", edits),
            json(R"({"text_config":{"tie_word_embeddings":false},"vision_config":{},"tie_word_embeddings":false})"));
  EXPECT_EQ(edited_json(R"({"tie_word_embeddings":true,"a":1})", edits),
            json(R"({"tie_word_embeddings":false,"a":1})"));
}

TEST_F(EditedConfig, DequantisedWeightsAreNoLongerSaidToBeQuantised) {
  ConfigEdits edits;
  edits.dequantized = true;
  const char* config =
      R"({"quantization_config":{"bits":4},"compression_config":{},"text_config":{"quantization_config":{},"a":1}})";
  EXPECT_EQ(edited_json(config, edits), json(R"({"text_config":{"a":1}})"));
  EXPECT_EQ(edited_json(config, {}), json(config));
}

TEST_F(EditedConfig, TheArchitectureIsThatOfTheRecipe) {
  ConfigEdits edits;
  edits.architecture = "MistralForCausalLM";
  EXPECT_EQ(edited_json(R"({"architectures":["LlamaForCausalLM","X"],"a":1})", edits),
            json(R"({"architectures":["MistralForCausalLM"],"a":1})"));
}

// The vocabulary.

TEST_F(EditedConfig, VocabSizeChangesWhereItIsTheAnchors) {
  EXPECT_EQ(edited_json(R"({"vocab_size":32000,"a":1})", with_rows(32004, 32000)),
            json(R"({"vocab_size":32004,"a":1})"));
  // Qwen2-VL, older and newer files; the audio codebook is another vocabulary.
  EXPECT_EQ(edited_json(R"({"vocab_size":100,"text_config":{"vocab_size":100},"audio_config":{"vocab_size":100}})",
                        with_rows(104, 100)),
            json(R"({"vocab_size":104,"text_config":{"vocab_size":104},"audio_config":{"vocab_size":100}})"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(EditedConfig, AVocabSizeOfAnotherValueStaysAndIsWarnedOf) {
  EXPECT_EQ(edited_json(R"({"vocab_size":99})", with_rows(104, 100)), json(R"({"vocab_size":99})"));
  EXPECT_THAT(warnings, ElementsAre(AllOf(StartsWith("ARC032: config.json"), HasSubstr("100"), HasSubstr("104"))));
  EXPECT_EQ(edited_json(R"({"vocab_size":100,"text_config":{"vocab_size":7}})", with_rows(104, 100)),
            json(R"({"vocab_size":104,"text_config":{"vocab_size":7}})"));
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("text_config.vocab_size")));
  EXPECT_EQ(edited_json(R"({"vocab_size":104,"text_config":{"vocab_size":100}})", with_rows(104, 100)),
            json(R"({"vocab_size":104,"text_config":{"vocab_size":104}})"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(EditedConfig, WithoutKnownRowsEveryVocabSizeChanges) {
  EXPECT_EQ(edited_json(R"({"vocab_size":7,"text_config":{"vocab_size":100},"x":{"vocab_size":1}})",
                        with_rows(104, std::nullopt)),
            json(R"({"vocab_size":104,"text_config":{"vocab_size":104},"x":{"vocab_size":1}})"));
}

TEST_F(EditedConfig, AMissingVocabSizeIsAddedToTheTextModel) {
  EXPECT_EQ(edited_json(R"({"a":1})", with_rows(104, 100)), json(R"({"a":1,"vocab_size":104})"));
  // Gemma3's files leave it to the class.
  EXPECT_EQ(edited_json(R"({"text_config":{"b":2},"vision_config":{}})", with_rows(104, 100)),
            json(R"({"text_config":{"b":2,"vocab_size":104},"vision_config":{}})"));
  EXPECT_THAT(warnings, IsEmpty());
}

// Token ids.

ConfigEdits with_ids(std::vector<std::pair<std::uint64_t, std::optional<std::uint64_t>>> ids) {
  ConfigEdits edits;
  edits.token_ids = std::move(ids);
  return edits;
}

TEST_F(EditedConfig, SpecialTokensGetTheIdsOfTheOutput) {
  EXPECT_EQ(edited_json(R"({"bos_token_id":1,"eos_token_id":[2,3],"pad_token_id":null,"decoder_start_token_id":0,
                            "image_token_id":2,"text_config":{"eos_token_id":2},"vision_config":{"eos_token_id":2}})",
                        with_ids({{3, 30}, {0, 0}, {1, 10}, {2, 20}})),
            json(R"({"bos_token_id":10,"eos_token_id":[20,30],"pad_token_id":null,"decoder_start_token_id":0,
                     "image_token_id":2,"text_config":{"eos_token_id":20},"vision_config":{"eos_token_id":2}})"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(EditedConfig, AnIdWithoutCounterpartStaysAndIsWarnedOf) {
  EXPECT_EQ(edited_json(R"({"bos_token_id":1,"eos_token_id":[2,3],"pad_token_id":-1})", with_ids({{1, {}}, {2, 20}})),
            json(R"({"bos_token_id":1,"eos_token_id":[20,3],"pad_token_id":-1})"));
  EXPECT_THAT(warnings, ElementsAre(AllOf(StartsWith("TOK012: config.json"), HasSubstr("bos_token_id 1 ")),
                                    AllOf(StartsWith("TOK012"), HasSubstr("eos_token_id 3 "))));
}

TEST_F(EditedConfig, OfAGenerationConfigNothingElseChanges) {
  EXPECT_EQ(edited_generation_config(R"({"_name_or_path":"x","temperature":0.60,"eos_token_id":2})",
                                     with_ids({{2, 20}}), "generation_config.json", warnings),
            "{\n  \"_name_or_path\": \"x\",\n  \"temperature\": 0.60,\n  \"eos_token_id\": 20\n}\n");
}

TEST(NamedTokenIds, AreThoseThatWouldBeTranslatedEachOnce) {
  constexpr const char* config =
      R"({"eos_token_id": [2, 3, 2], "pad_token_id": -1, "bos_token_id": null, "x_token_id": 7,
      "text_config": {"eos_token_id": 2, "decoder_start_token_id": 5}, "vision_config": {"bos_token_id": 6}})";
  EXPECT_THAT(named_token_ids(config, "config.json"),
              ElementsAre(NamedTokenId{"eos_token_id", 2}, NamedTokenId{"eos_token_id", 3},
                          NamedTokenId{"decoder_start_token_id", 5}));
  EXPECT_THROW(named_token_ids("[2]", "config.json"), Error);
}

TEST(NeededEdits, AreThoseWithoutWhichTheOutputDoesNotLoad) {
  ConfigEdits edits;
  edits.dtype = DType::bf16;
  EXPECT_THAT(needed_edits(edits), IsEmpty());
  edits.untie_head = true;
  edits.vocab_size = 104;
  edits.architecture = "A";
  edits.layers = {{"n_layer", 2, {0}}, {"", 2, {0, 1, 1}}};
  EXPECT_THAT(needed_edits(edits), ElementsAre("architectures = [A]", "tie_word_embeddings = false", "n_layer = 1",
                                               "a layer count = 3", "vocab_size = 104"));
}

}  // namespace
}  // namespace stockpot::io
