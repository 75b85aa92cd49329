// Which template an output gets. How the built-in ones render is checked with Jinja itself (tests/field).
#include "tokenizer/chat_template.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error_of.hpp"
#include "tokenizer/built_in_templates.hpp"

namespace stockpot::tokenizer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Optional;

const std::string jinja = "{{ messages[0].content }}";

struct Answer {
  std::optional<std::string> text;
  std::string report;
};

Answer asked(const std::string& request, const std::vector<ModelTemplates>& models = {}) {
  recipe::Diagnostics diagnostics("r.yml", "chat_template: x\n");
  Answer answer;
  answer.text = chat_template(request, {1, 16}, models, diagnostics);
  answer.report = diagnostics.report();
  return answer;
}

ModelTemplates with_config(const std::string& json) { return {"m", std::nullopt, json}; }

TEST(ChatTemplate, JinjaIsTakenLiterally) { EXPECT_THAT(asked(jinja).text, Optional(jinja)); }

TEST(ChatTemplate, BuiltInOnesGoByName) {
  std::vector<std::string_view> names;
  for (const auto& built_in : built_in_templates()) names.push_back(built_in.first);
  EXPECT_THAT(names, testing::UnorderedElementsAre("alpaca", "chatml", "exaone", "llama3", "mistral"));
  for (const auto& [name, text] : built_in_templates()) {
    EXPECT_THAT(asked(std::string(name)).text, Optional(std::string(text)));
  }
}

TEST(ChatTemplate, AWordThatIsNoNameIsAnsweredWithTheNearest) {
  EXPECT_THAT(asked("chatlm").report, AllOf(HasSubstr("r.yml:1:16: error[TOK050]"), HasSubstr("'chatml'")));
  EXPECT_THAT(asked("a long text without any brace").report, HasSubstr("error[TOK050]"));
  EXPECT_THAT(asked("{{ short }}").report, HasSubstr("error[TOK050]"));
  EXPECT_THAT(asked("{{ 中中中中中中中 }}").report, HasSubstr("error[TOK050]"));  // 13 characters, 27 bytes
}

TEST(ChatTemplate, AutoTakesTheTemplateThatMostModelsHave) {
  const ModelTemplates a = {"a", "A template", std::nullopt}, b = with_config(R"({"chat_template": "B template"})");
  EXPECT_THAT(asked("auto", {a, b, b}).text, Optional(std::string("B template")));
  EXPECT_THAT(asked("auto", {a, b}).text, Optional(std::string("A template")));
  EXPECT_EQ(asked("auto", {with_config("{}"), {}}).text, std::nullopt);
}

TEST(ChatTemplate, SpaceAroundATemplateIsNotPartOfIt) {
  const ModelTemplates a = {"a", "one", std::nullopt}, b = with_config(R"({"chat_template": " \n two\t"})"),
                       c = with_config(R"({"chat_template": "two"})");
  EXPECT_THAT(asked("auto", {a, b, c}).text, Optional(std::string("two")));
}

TEST(ChatTemplate, AFileOfItsOwnOutranksTheConfiguration) {
  const ModelTemplates both = {"m", "file", R"({"chat_template": "config"})"};
  EXPECT_THAT(asked("auto", {both}).text, Optional(std::string("file")));
}

TEST(ChatTemplate, OfNamedTemplatesTheDefaultCounts) {
  EXPECT_THAT(asked("auto", {with_config(R"({"chat_template": [{"name": "rag", "template": "r"},
                                                              {"name": "default", "template": "d"}]})")})
                  .text,
              Optional(std::string("d")));
}

TEST(ChatTemplate, ADamagedConfigurationHasNoVote) {
  const Answer answer =
      asked("auto", {with_config(R"({"chat_template": "A)"), with_config(R"({"chat_template": "B"})")});
  EXPECT_THAT(answer.text, Optional(std::string("B")));
  EXPECT_THAT(answer.report, AllOf(HasSubstr("r.yml:1:16: warning[FMT022]"), HasSubstr("no vote")));
}

TEST(ChatTemplate, AutoSaysThatThereIsNone) {
  recipe::Diagnostics diagnostics("r.yml", "chat_template: auto\n");
  EXPECT_EQ(chat_template("auto", {1, 16}, {}, diagnostics), std::nullopt);
  EXPECT_THAT(diagnostics.report(Severity::info), HasSubstr("r.yml:1:16: info[TOK053]"));
}

TEST(ChatTemplate, OddConfigurationsHaveNoTemplate) {
  for (const char* json :
       {"[]", R"({"chat_template": 3})", R"({"chat_template": [1, {"name": 2}, {"name": "default"}]})"}) {
    EXPECT_EQ(asked("auto", {with_config(json)}).text, std::nullopt) << json;
  }
}

TEST(ChatTemplate, AFileThatIsNoTextHasNoVote) {
  const Answer answer = asked("auto", {{"org/m", "{{ messages }}\xFF", std::nullopt}});
  EXPECT_EQ(answer.text, std::nullopt);
  EXPECT_THAT(answer.report, AllOf(HasSubstr("warning[FMT021]"), HasSubstr("org/m")));
}

TEST(ChatTemplate, AConfigurationMayListTheTokensOfAUnion) {
  std::string config = R"({"added_tokens_decoder":{"0":{})";
  for (int id = 1; id <= 20'000; ++id) config += ",\"" + std::to_string(id) + "\":{}";
  EXPECT_THAT(asked("auto", {with_config(config + R"(},"chat_template":"t"})")}).text, Optional(std::string("t")));
}

}  // namespace
}  // namespace stockpot::tokenizer
