#include "tokenizer/chat_template.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error_of.hpp"

namespace stockpot::tokenizer {
namespace {

using recipe::Diagnostics;
using testing::AllOf;
using testing::HasSubstr;

std::optional<std::string> chosen(const std::string& request, const std::vector<ModelTemplates>& models = {}) {
  Diagnostics diagnostics;
  auto text = chat_template(request, {}, models, diagnostics);
  EXPECT_TRUE(diagnostics.all().empty());
  return text;
}

ModelTemplates jinja(const std::string& text) { return {.directory = "m", .jinja = text, .tokenizer_config = {}}; }
ModelTemplates config(const std::string& text) { return {.directory = "m", .jinja = {}, .tokenizer_config = text}; }

TEST(ChatTemplate, ABuiltInOneIsNamed) {
  for (const char* name : {"alpaca", "chatml", "exaone", "llama3", "mistral"}) {
    const auto text = chosen(name);
    ASSERT_TRUE(text) << name;
    EXPECT_TRUE(text->starts_with("{%-") && text->ends_with("}")) << "no white space around it: " << name;
  }
  EXPECT_THAT(*chosen("chatml"), HasSubstr("<|im_start|>"));
  EXPECT_THAT(*chosen("alpaca"), HasSubstr("### "));
}

TEST(ChatTemplate, AutoTakesTheMostFrequentWithoutWhiteSpaceAroundIt) {
  EXPECT_EQ(chosen("auto", {jinja("A"), jinja("B\n"), config(R"({"chat_template":" B"})")}), "B");
}

TEST(ChatTemplate, OfEquallyFrequentOnesAutoTakesTheFirst) {
  EXPECT_EQ(chosen("auto", {jinja("A"), jinja("B"), jinja("B"), jinja("A"), jinja("C")}), "A");
}

TEST(ChatTemplate, TheFileCountsBeforeTheConfiguration) {
  ModelTemplates both = jinja("A");
  both.tokenizer_config = R"({"chat_template":"B"})";
  EXPECT_EQ(chosen("auto", {both}), "A");
}

TEST(ChatTemplate, OfNamedTemplatesTheDefaultCounts) {
  EXPECT_EQ(
      chosen("auto",
             {config(R"({"chat_template":[{"name":"tool_use","template":"T"},{"name":"default","template":"D"}]})")}),
      "D");
  EXPECT_EQ(
      chosen("auto", {config(R"({"chat_template":[{"name":"tool_use","template":"T"}, 1, {"name":"default"}]})")}),
      std::nullopt);
}

TEST(ChatTemplate, AutoFindsNothingWhereThereIsNothing) {
  EXPECT_EQ(chosen("auto", {config("{}"), config(R"({"chat_template":null})"), jinja(" \n"), ModelTemplates{}}),
            std::nullopt);
}

TEST(ChatTemplate, ALongTextWithABraceIsTakenLiterally) {
  const std::string text = "{{ messages | length }}\n";
  EXPECT_EQ(chosen(text), text);
  EXPECT_EQ(chosen("éééééééééééééééééé{}"), "éééééééééééééééééé{}") << "20 characters";
}

TEST(ChatTemplate, WhatIsNeitherNameNorTemplateIsReported) {
  const auto report = [](const std::string& request) {
    Diagnostics diagnostics;
    EXPECT_EQ(chat_template(request, {3, 16}, {}, diagnostics), std::nullopt);
    EXPECT_EQ(diagnostics.all().size(), 1u);
    return diagnostics.report();
  };
  EXPECT_THAT(report("chatlm"),
              AllOf(HasSubstr("error[TOK050]"), HasSubstr(":3:16:"), HasSubstr("did you mean 'chatml'?")));
  EXPECT_THAT(report("a text that is long enough but has no brace"), HasSubstr("TOK050"));
  EXPECT_THAT(report("ééééééééééééééééé{}"), HasSubstr("TOK050")) << "19 characters, more bytes";
}

TEST(ChatTemplate, AConfigurationThatIsNoObjectIsRefused) {
  Diagnostics diagnostics;
  for (const char* text : {"[]", "{"}) {
    const std::vector<ModelTemplates> models{config(text)};
    EXPECT_EQ(test::error_of([&] { chat_template("auto", {}, models, diagnostics); }).class_code(), "FMT022");
    EXPECT_EQ(test::error_of([&] { with_chat_template(text, "T", "f"); }).class_code(), "FMT022");
  }
}

TEST(ChatTemplate, GoesIntoTheConfigurationAndLeavesTheRestAlone) {
  EXPECT_EQ(with_chat_template("{}", "T", "f"), "{\n  \"chat_template\": \"T\"\n}");
  EXPECT_EQ(with_chat_template("{\"a\":1e30}\n", "é\n\"", "f"),
            "{\n  \"a\": 1e30,\n  \"chat_template\": \"é\\n\\\"\"\n}\n");
  EXPECT_EQ(with_chat_template(R"({"chat_template":[{"name":"default","template":"D"}],"b":0})", "T", "f"),
            "{\n  \"chat_template\": \"T\",\n  \"b\": 0\n}");
}

}  // namespace
}  // namespace stockpot::tokenizer
