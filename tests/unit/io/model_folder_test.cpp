#include "io/model_folder.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "support/error_of.hpp"
#include "support/temporary_directory.hpp"

namespace stockpot::io {
namespace {

using test::error_of;
using test::TemporaryDirectory;
using testing::ElementsAre;
using testing::IsEmpty;

std::string real(const std::string& path) { return std::filesystem::canonical(path).string(); }

TEST(ModelFolder, OfAFolderHasItsFilesAndFurtherTemplates) {
  const TemporaryDirectory scratch;
  scratch.write("m/config.json", "{}");
  scratch.write("m/additional_chat_templates/rag.jinja", "{{ x }}");
  scratch.write("m/additional_chat_templates/notes.txt", "x");
  const ModelFolder model(scratch / "m");
  EXPECT_THAT(model.names(),
              ElementsAre("additional_chat_templates", "additional_chat_templates/rag.jinja", "config.json"));
  EXPECT_TRUE(model.has("config.json"));
  EXPECT_FALSE(model.is_single_file());
  EXPECT_EQ(model.text("additional_chat_templates/rag.jinja"), "{{ x }}");
  EXPECT_EQ(model.file("config.json"), (SmallFile{"config.json", "", real(scratch / "m/config.json")}));
  EXPECT_EQ(model.shown("config.json"), scratch / "m/config.json");
}

TEST(ModelFolder, WhatIsNotThereIsNothing) {
  const TemporaryDirectory scratch;
  scratch.write("m/config.json", "{}");
  scratch.link("m/tokenizer.json", "gone");
  const ModelFolder model(scratch / "m");
  EXPECT_FALSE(model.has("merges.txt"));
  EXPECT_EQ(model.text("merges.txt"), std::nullopt);
  EXPECT_EQ(model.file("../m/config.json"), std::nullopt);
  EXPECT_EQ(model.text("tokenizer.json"), std::nullopt);
}

TEST(ModelFolder, LinksStayInTheModel) {
  const TemporaryDirectory scratch;
  scratch.write("secret", "x");
  scratch.link("m/tokenizer.json", "../secret");
  EXPECT_EQ(error_of([&] { ModelFolder(scratch / "m").text("tokenizer.json"); }).class_code(), "FMT003");
}

TEST(ModelFolder, InAHubCacheTemplatesAreLinksToBlobsToo) {
  const TemporaryDirectory scratch;
  scratch.write("models--org--name/blobs/abc", "content");
  scratch.link("models--org--name/snapshots/1/additional_chat_templates/rag.jinja", "../../../blobs/abc");
  const ModelFolder model(scratch / "models--org--name/snapshots/1");
  EXPECT_EQ(model.text("additional_chat_templates/rag.jinja"), "content");
}

TEST(ModelFolder, OfASingleWeightFileIsEmpty) {
  const TemporaryDirectory scratch;
  scratch.write("config.json", "{}");
  const ModelFolder model(scratch.write("model.safetensors", "x"));
  EXPECT_TRUE(model.is_single_file());
  EXPECT_THAT(model.names(), IsEmpty());
  EXPECT_EQ(model.text("config.json"), std::nullopt);
}

TEST(ModelFolder, OfAStageHasWhatTheStageDecided) {
  const TemporaryDirectory scratch;
  const std::string merges = scratch.write("merges.txt", "a b");
  const ModelFolder model("stage 'half'", {{"merges.txt", "", merges}, {"config.json", "{}", ""}});
  EXPECT_THAT(model.names(), ElementsAre("config.json", "merges.txt"));
  EXPECT_FALSE(model.is_single_file());
  EXPECT_EQ(model.text("config.json"), "{}");
  EXPECT_EQ(model.text("merges.txt"), "a b");
  EXPECT_EQ(model.file("merges.txt"), (SmallFile{"merges.txt", "", merges}));
  EXPECT_EQ(model.file("config.json"), (SmallFile{"config.json", "{}", ""}));
  EXPECT_EQ(model.file("vocab.json"), std::nullopt);
  EXPECT_EQ(model.shown(), "stage 'half'");
}

}  // namespace
}  // namespace stockpot::io
