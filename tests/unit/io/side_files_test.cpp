#include "io/side_files.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "support/error_of.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

namespace fs = std::filesystem;
using test::bytes_of_file;
using test::error_of;
using test::TemporaryDirectory;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string edited(const std::string& config, std::optional<DType> dtype = std::nullopt) {
  return edited_config(config, {.dtype = dtype}, "config.json");
}

TEST(EditedConfig, KeepsOrderUnknownKeysAndNumbers) {
  const std::string config =
      "{\n  \"z\": 1e-05,\n  \"rope_theta\": 1000000.0,\n  \"a\": [\n    1,\n    2.5\n  ],\n  \"big\": "
      "18446744073709551615,\n  \"text\": \"\xc3\xa9\"\n}\n";
  EXPECT_EQ(edited(config), config);
}

TEST(EditedConfig, ForgetsWhereTheDonorLay) {
  EXPECT_EQ(edited(R"({"_name_or_path": "/home/me/model", "a": 1})"), "{\n  \"a\": 1\n}\n");
}

TEST(EditedConfig, PutsTheDtypeWhereTheDonorHasIt) {
  EXPECT_EQ(edited(R"({"dtype":"float32","a":1})", DType::bf16), "{\n  \"dtype\": \"bfloat16\",\n  \"a\": 1\n}\n");
  EXPECT_EQ(edited(R"({"torch_dtype":"float32"})", DType::f16), "{\n  \"torch_dtype\": \"float16\"\n}\n");
  EXPECT_EQ(edited(R"({"dtype":null,"torch_dtype":"x"})", DType::f16),
            "{\n  \"dtype\": \"float16\",\n  \"torch_dtype\": \"float16\"\n}\n");
}

TEST(EditedConfig, AddsTorchDtypeIfThereIsNone) {
  EXPECT_EQ(edited(R"({"a":1})", DType::f32), "{\n  \"a\": 1,\n  \"torch_dtype\": \"float32\"\n}\n");
}

TEST(EditedConfig, NestedConfigsChangeOnlyWhatTheyHave) {
  EXPECT_EQ(edited(R"({"dtype":"a","text_config":{"dtype":"a","x_config":{"torch_dtype":"a"}},"vision_config":{},)"
                   R"("other":{"dtype":"a"}})",
                   DType::bf16),
            "{\n  \"dtype\": \"bfloat16\",\n  \"text_config\": {\n    \"dtype\": \"bfloat16\",\n    \"x_config\": {\n"
            "      \"torch_dtype\": \"bfloat16\"\n    }\n  },\n  \"vision_config\": {},\n  \"other\": {\n"
            "    \"dtype\": \"a\"\n  }\n}\n");
}

TEST(EditedConfig, WhatIsNoObjectIsRefused) {
  EXPECT_THAT(error_of([] { edited("[1]"); }).what(), HasSubstr("config.json"));
  EXPECT_EQ(error_of([] { edited("{"); }).kind(), ErrorKind::corrupt_input);
}

class SideFiles : public testing::Test {
 protected:
  std::vector<std::string> copy(SideFileOptions options = {}) const {
    fs::create_directory(to);
    return copy_side_files(from, to, options);
  }
  std::vector<std::string> copied() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(to)) {
      if (entry.is_regular_file()) names.push_back(fs::relative(entry.path(), to));
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  TemporaryDirectory scratch;
  std::string from = scratch / "model", to = scratch / "out";
};

TEST_F(SideFiles, WhatLoadsAModelIsCopiedAndNothingElse) {
  for (const char* name : {"tokenizer.json", "tokenizer.model", "generation_config.json", "preprocessor_config.json",
                           "model.safetensors", "README.md", "evil.py"}) {
    scratch.write(std::string("model/") + name, name);
  }
  scratch.write("model/config.json", R"({"a":1})");
  scratch.write("model/additional_chat_templates/rag.jinja", "{{ x }}");
  scratch.write("model/additional_chat_templates/notes.txt", "x");
  EXPECT_THAT(copy(), IsEmpty());
  EXPECT_THAT(copied(), ElementsAre("additional_chat_templates/rag.jinja", "config.json", "generation_config.json",
                                    "preprocessor_config.json", "tokenizer.json", "tokenizer.model"));
  EXPECT_EQ(bytes_of_file(to + "/tokenizer.json"), "tokenizer.json");
}

TEST_F(SideFiles, WithoutTokenizerTheOthersAreCopied) {
  scratch.write("model/config.json", "{}");
  scratch.write("model/tokenizer.json", "x");
  scratch.write("model/generation_config.json", "x");
  EXPECT_THAT(copy({.tokenizer = false, .config = {}}), IsEmpty());
  EXPECT_THAT(copied(), ElementsAre("config.json", "generation_config.json"));
}

TEST_F(SideFiles, TheContentOfALinkIsCopiedInsideAHubCache) {
  scratch.write("models--org--name/blobs/abc", "content");
  from = scratch / "models--org--name/snapshots/1";
  scratch.link("models--org--name/snapshots/1/tokenizer.json", "../../blobs/abc");
  scratch.write("models--org--name/snapshots/1/config.json", "{}");
  EXPECT_THAT(copy(), IsEmpty());
  EXPECT_FALSE(fs::is_symlink(to + "/tokenizer.json"));
  EXPECT_EQ(bytes_of_file(to + "/tokenizer.json"), "content");
}

TEST_F(SideFiles, ALinkOutOfTheModelIsRefused) {
  scratch.write("secret", "x");
  scratch.link("model/tokenizer.json", "../secret");
  EXPECT_EQ(error_of([&] { copy(); }).class_code(), "FMT003");
}

TEST_F(SideFiles, WhatIsMissingIsWarnedOf) {
  fs::create_directory(from);
  EXPECT_THAT(copy(), ElementsAre(HasSubstr("TOK052"), HasSubstr("config.json")));
}

TEST_F(SideFiles, ASingleFileHasNoneAndThatIsWarnedOf) {
  from = scratch.write("model.safetensors", "x");
  EXPECT_THAT(copy(), ElementsAre(HasSubstr("single file")));
  EXPECT_THAT(copied(), IsEmpty());
}

TEST(EditedConfig, AnUntiedHeadIsSaidAtTopLevelAndWhereTheKeyIs) {
  ConfigEdits edits;
  edits.untie_head = true;
  EXPECT_EQ(edited_config(R"({"text_config": {"tie_word_embeddings": true}, "vision_config": {}})", edits, "c"),
            "{\n  \"text_config\": {\n    \"tie_word_embeddings\": false\n  },\n  \"vision_config\": {},\n"
            "  \"tie_word_embeddings\": false\n}\n");
}

}  // namespace
}  // namespace stockpot::io
