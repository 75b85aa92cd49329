#include "io/adapter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error_of.hpp"
#include "support/safetensors_bytes.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

using test::error_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const std::string two_tensors = test::u8_tensors({"b.lora_B.weight", "a.lora_A.weight"});

/// A folder with this config, and the adapter that is read from it.
struct Folder {
  explicit Folder(std::string_view config, std::string_view weights = two_tensors) {
    directory.write("adapter_config.json", config);
    if (!weights.empty()) directory.write("adapter_model.safetensors", weights);
    model.model = "base+lora";
    model.files = {{"/models/base/model.safetensors", 1, 2, 3}};
  }
  Adapter read(double weight = 1.0) { return read_adapter("lora", directory.path(), weight, model); }

  test::TemporaryDirectory directory;
  Catalogue model;
};

TEST(Adapter, SettingsAreThoseOfTheConfig) {
  Folder folder(R"({"peft_type":"LORA","r":16,"lora_alpha":24.5,"use_rslora":true,"use_dora":true,"fan_in_fan_out":true,
                    "rank_pattern":{"z.*":4,"a":2},"alpha_pattern":{"q_proj":3},
                    "base_model_name_or_path":"org/base"})");
  const Adapter adapter = folder.read(0.5);
  EXPECT_EQ(adapter.reference, "lora");
  EXPECT_EQ(adapter.directory, folder.directory.path());
  EXPECT_EQ(adapter.weight, 0.5);
  EXPECT_EQ(adapter.rank, 16u);
  EXPECT_EQ(adapter.alpha, 24.5);
  EXPECT_THAT(adapter.rank_pattern, ElementsAre(Pair("z.*", 4u), Pair("a", 2u)));
  EXPECT_THAT(adapter.alpha_pattern, ElementsAre(Pair("q_proj", 3.0)));
  EXPECT_TRUE(adapter.rank_stabilised && adapter.magnitudes && adapter.transposed);
  EXPECT_EQ(adapter.base_model, "org/base");
}

TEST(Adapter, RankAndAlphaAreEightUnlessSaid) {
  const Adapter adapter = Folder(R"({"peft_type":"LORA","rank_pattern":null,"use_dora":null})").read();
  EXPECT_EQ(adapter.rank, 8u);
  EXPECT_EQ(adapter.alpha, 8.0);
  EXPECT_FALSE(adapter.rank_stabilised || adapter.magnitudes || adapter.transposed);
}

TEST(Adapter, TensorsAreInAFileOfTheModelsCatalogue) {
  Folder folder(R"({"peft_type":"LORA"})");
  const Adapter adapter = folder.read();
  ASSERT_EQ(folder.model.files.size(), 2u);
  EXPECT_EQ(folder.model.files[1].path, folder.directory / "adapter_model.safetensors");
  EXPECT_EQ(folder.model.files[1].bytes, two_tensors.size());
  ASSERT_EQ(adapter.tensors.size(), 2u);
  EXPECT_EQ(adapter.tensors[0].info.name, "a.lora_A.weight");  // the second in the file
  EXPECT_EQ(adapter.tensors[0].offset, two_tensors.size() - 4);
  EXPECT_EQ(adapter.tensors[0].file, 1u);
  EXPECT_EQ(adapter.tensors[1].offset, two_tensors.size() - 8);
}

TEST(Adapter, WhatPeftWritesByDefaultIsAccepted) {
  const Adapter adapter = Folder(R"({"alora_invocation_tokens":null,"alpha_pattern":{},"arrow_config":null,
      "auto_mapping":{"base_model_class":"M","parent_library":"l"},"base_model_name_or_path":null,"bias":"all",
      "corda_config":null,"ensure_weight_tying":true,"eva_config":null,"exclude_modules":["x"],"fan_in_fan_out":false,
      "inference_mode":true,"init_lora_weights":"gaussian","layer_replication":null,"layers_pattern":"h",
      "layers_to_transform":[1],"loftq_config":{},"lora_alpha":8,"lora_bias":true,"lora_dropout":0.1,
      "megatron_config":null,"megatron_core":"megatron.core","modules_to_save":["lm_head"],"peft_type":"LORA",
      "peft_version":"0.21.2","qalora_group_size":16,"r":8,"rank_pattern":{},"revision":"main",
      "target_modules":["q_proj"],"target_parameters":[],"task_type":"CAUSAL_LM","trainable_token_indices":null,
      "use_bdlora":null,"use_dora":false,"use_qalora":false,"use_rslora":false,"something_new":null})")
                              .read();
  EXPECT_EQ(adapter.rank, 8u);
}

TEST(Adapter, AFileIsNone) {
  Catalogue model;
  const test::TemporaryDirectory scratch;
  const std::string weights = scratch.write("adapter_model.safetensors", two_tensors);
  const Error error = error_of([&] { read_adapter("lora", weights, 1.0, model); });
  EXPECT_EQ(error.class_code(), "REF020");
  EXPECT_EQ(error.exit_code(), 4);
  EXPECT_THAT(error.what(), HasSubstr("name the folder"));
}

TEST(Adapter, VariantsAreRefusedByName) {
  const std::pair<const char*, const char*> cases[] = {
      {"layer_replication", "[[0,4],[2,5]]"}, {"target_parameters", R"(["experts.gate_up_proj"])"},
      {"trainable_token_indices", "[0]"},     {"use_qalora", "true"},
      {"megatron_config", R"({"a":1})"},      {"alora_invocation_tokens", "[5]"},
      {"kasa_config", R"({"beta":1})"},       {"something_new", "0.5"},
  };
  for (const auto& [key, value] : cases) {
    Folder folder(std::string(R"({"peft_type":"LORA",")") + key + "\":" + value + "}");
    const Error error = error_of([&] { folder.read(); });
    EXPECT_EQ(error.class_code(), "REF021") << key;
    EXPECT_EQ(error.exit_code(), 4) << key;
    EXPECT_THAT(error.what(), HasSubstr(key));
  }
}

TEST(Adapter, InitialisationsThatChangeTheBaseAreRefused) {
  for (const char* start : {"pissa", "pissa_niter_16", "olora", "corda", "loftq", "lora_ga", "unheard_of"}) {
    Folder folder(std::string(R"({"peft_type":"LORA","init_lora_weights":")") + start + "\"}");
    const Error error = error_of([&] { folder.read(); });
    EXPECT_EQ(error.class_code(), "REF021") << start;
    EXPECT_THAT(error.what(), HasSubstr("init_lora_weights"));
  }
  for (const char* start : {"true", "false", "null", "\"gaussian\"", "\"eva\"", "\"orthogonal\"", "\"mica\""}) {
    EXPECT_NO_THROW(Folder(std::string(R"({"peft_type":"LORA","init_lora_weights":)") + start + "}").read()) << start;
  }
}

TEST(Adapter, OtherKindsAndValuesOfAnotherKindAreRefused) {
  for (const char* config :
       {R"({"peft_type":"LOHA"})", R"({"peft_type":"lora"})", R"({})", R"({"peft_type":["LORA"]})",
        R"({"peft_type":"LORA","r":-1})", R"({"peft_type":"LORA","r":8.0})", R"({"peft_type":"LORA","lora_alpha":"8"})",
        R"({"peft_type":"LORA","use_dora":1})", R"({"peft_type":"LORA","rank_pattern":["a"]})",
        R"({"peft_type":"LORA","rank_pattern":{"a":null}})", R"({"peft_type":"LORA","alpha_pattern":{"a":[1]}})"}) {
    Folder folder(config);
    EXPECT_EQ(error_of([&] { folder.read(); }).class_code(), "REF021") << config;
  }
  Folder list("[1]");
  EXPECT_EQ(error_of([&] { list.read(); }).class_code(), "REF020");
}

TEST(Adapter, AFolderWithoutOneIsRefused) {
  test::TemporaryDirectory directory;
  Catalogue model;
  directory.write("config.json", "{}");
  const Error whole_model = error_of([&] { read_adapter("lora", directory.path(), 1.0, model); });
  EXPECT_EQ(whole_model.class_code(), "REF020");
  EXPECT_THAT(whole_model.what(), HasSubstr("adapter_config.json"));
  EXPECT_THAT(whole_model.hint(), HasSubstr("whole model"));

  Folder pickled(R"({"peft_type":"LORA"})", "");
  pickled.directory.write("adapter_model.bin", "PK");
  const Error pickle = error_of([&] { pickled.read(); });
  EXPECT_THAT(pickle.what(), HasSubstr("adapter_model.bin"));
}

TEST(Adapter, ErrorsNameAdapterAndModel) {
  Folder folder(R"({"peft_type":"LORA"})", "not a safetensors file");
  const Error error = error_of([&] { folder.read(); });
  EXPECT_THAT(error.context(), testing::Contains(Pair("adapter", "lora")));
  EXPECT_THAT(error.context(), testing::Contains(Pair("model", "base+lora")));
}

TEST(Adapter, LinksOutOfTheFolderAreNotFollowed) {
  test::TemporaryDirectory elsewhere;
  elsewhere.write("weights", two_tensors);
  Folder folder(R"({"peft_type":"LORA"})", "");
  folder.directory.link("adapter_model.safetensors", elsewhere / "weights");
  EXPECT_EQ(error_of([&] { folder.read(); }).class_code(), "FMT003");
}

}  // namespace
}  // namespace stockpot::io
