#include "recipe/tokenizer_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "complaints.hpp"

namespace stockpot::recipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TokenizerRequest tokenizer(const std::string& value) {
  return document(good + "tokenizer: " + value + "\n").tokenizer.value();
}
std::vector<std::string> complaints_about(const std::string& value) {
  return complaints(good + "tokenizer: " + value + "\n");
}
/// The only token of a request, written as `value`, which begins at 3:25.
TokenRequest token(const std::string& value) { return tokenizer("{tokens: {x: " + value + "}}").tokens.at(0); }
std::vector<std::string> complaints_about_token(const std::string& value) {
  return complaints_about("{tokens: {x: " + value + "}}");
}

TEST(Tokenizer, WithoutKeysThereIsNoRequest) { EXPECT_FALSE(document(good).tokenizer.has_value()); }

TEST(Tokenizer, TheSourceIsAWordOrAModel) {
  EXPECT_EQ(tokenizer("{}").source, TokenizerRequest::Source::union_of_all);
  EXPECT_EQ(tokenizer("{source: ~}").source, TokenizerRequest::Source::union_of_all);
  EXPECT_EQ(tokenizer("{source: union}").source, TokenizerRequest::Source::union_of_all);
  EXPECT_EQ(tokenizer("{source: base}").source, TokenizerRequest::Source::base);
  EXPECT_EQ(tokenizer("{source: base}").model, std::nullopt);
  EXPECT_EQ(tokenizer("{source: org/t@v1}").source, TokenizerRequest::Source::model);
  EXPECT_EQ(tokenizer("{source: org/t@v1}").model->revision, "v1");
  EXPECT_EQ(tokenizer("{source: {model: base}}").model->path, "base");
}

TEST(Tokenizer, TheSourceMayHaveTheWordModelBeforeIt) {
  for (const std::string key : {"tokenizer_source: model:org/t@v1", "tokenizer: {source: model:org/t@v1}"}) {
    const auto model = document(good + key + "\n").tokenizer.value().model.value();
    EXPECT_EQ(model.text, "org/t@v1") << key;
  }
  EXPECT_EQ(tokenizer("{source: model:base}").model->path, "base");
  EXPECT_EQ(tokenizer("{source: {model: model:x}}").model->path, "model:x");
  EXPECT_THAT(complaints_about("{source: 'model:'}"), ElementsAre("3:21 error REF003"));
}

TEST(Tokenizer, TheOldFormSaysTheSame) {
  const auto old_form = [](const std::string& value) {
    return document(good + "tokenizer_source: " + value + "\n").tokenizer.value();
  };
  EXPECT_EQ(old_form("union").source, TokenizerRequest::Source::union_of_all);
  EXPECT_EQ(old_form("base").source, TokenizerRequest::Source::base);
  EXPECT_EQ(old_form("org/t").model->path, "org/t");
  EXPECT_EQ(old_form("base").at, (Position{3, 19}));
  EXPECT_EQ(old_form("base").pad_to_multiple_of, 1u);
  EXPECT_THAT(complaints(good + "tokenizer_source: [a]\n"), ElementsAre("3:19 error CFG020"));
  EXPECT_THAT(complaints(good + "tokenizer_source: a@b@c\n"), ElementsAre("3:19 error REF002"));
}

TEST(Tokenizer, ASourceInPlaceOfTheMappingIsToldHowItIsWritten) {
  EXPECT_THAT(report_on(good + "tokenizer: union\n"), HasSubstr("write '{source: union}'"));
  EXPECT_THAT(report_on(good + "tokenizer: {tokens: {x: org/a}}\n"), HasSubstr("write '{source: org/a}'"));
  EXPECT_THAT(report_on(good + "tokenizer: [union]\n"), Not(HasSubstr("write")));
}

TEST(Tokenizer, PaddingIsAMultipleAndZeroIsNone) {
  EXPECT_EQ(tokenizer("{}").pad_to_multiple_of, 1u);
  EXPECT_EQ(tokenizer("{pad_to_multiple_of: 0}").pad_to_multiple_of, 1u);
  EXPECT_EQ(tokenizer("{pad_to_multiple_of: '64'}").pad_to_multiple_of, 64u);
  EXPECT_EQ(tokenizer("{pad_to_multiple_of: 2147483648}").pad_to_multiple_of, 2147483648u);
}

TEST(Tokenizer, PaddingThatCannotBeIsAnError) {
  EXPECT_THAT(complaints_about("{pad_to_multiple_of: -8}"), ElementsAre("3:33 error TOK020"));
  EXPECT_THAT(complaints_about("{pad_to_multiple_of: 2147483649}"), ElementsAre("3:33 error TOK020"));
  EXPECT_THAT(complaints_about("{pad_to_multiple_of: 1.5}"), ElementsAre("3:33 error CFG021"));
  EXPECT_THAT(complaints_about("{pad_to_multiple_of: many}"), ElementsAre("3:33 error CFG021"));
  EXPECT_THAT(complaints_about("{pad_to_multiple_of: [8]}"), ElementsAre("3:33 error CFG020"));
}

TEST(Tokens, KeepTheirOrderAndTheirTexts) {
  const auto tokens = tokenizer("{tokens: {<|im_start|>: {source: a}, ' b ': {}, \"\\n\": ~}}").tokens;
  ASSERT_EQ(tokens.size(), 3u);
  EXPECT_EQ(tokens[0].text, "<|im_start|>");
  EXPECT_EQ(tokens[0].at, (Position{3, 22}));
  EXPECT_EQ(tokens[1].text, " b ");
  EXPECT_EQ(tokens[2].text, "\n");
}

TEST(Tokens, WithoutASourceAreLikeAnyOther) {
  for (const char* value : {"{}", "~", "{source: ~}", "{force: false}"}) {
    EXPECT_EQ(token(value).source, TokenRequest::Source::by_models) << value;
    EXPECT_FALSE(token(value).force) << value;
  }
  EXPECT_TRUE(token("{force: yes}").force);
}

TEST(Tokens, TakeTheirRowFromAModel) {
  EXPECT_EQ(token("{source: b, force: true}").source, TokenRequest::Source::model);
  EXPECT_EQ(token("{source: b}").model->text, "b");
  EXPECT_EQ(token("{source: {model: {path: b}}}").model->text, "b");
}

TEST(Tokens, TakeTheirRowFromAnotherToken) {
  const TokenRequest by_text = token("{source: {kind: model_token, model: b, token: '<s>'}}");
  EXPECT_EQ(by_text.source, TokenRequest::Source::model_token);
  EXPECT_EQ(by_text.model->text, "b");
  EXPECT_EQ(by_text.token, "<s>");
  EXPECT_EQ(by_text.token_id, std::nullopt);
  const TokenRequest by_id = token("{source: {kind: model_token, model: b, token_id: 0}}");
  EXPECT_EQ(by_id.token, std::nullopt);
  EXPECT_EQ(by_id.token_id, 0u);
}

TEST(Tokens, MayBeZero) {
  EXPECT_EQ(token("{source: {kind: zero}}").source, TokenRequest::Source::zero);
  EXPECT_EQ(token("{source: {kind: zero}}").model, std::nullopt);
  EXPECT_THAT(complaints_about_token("{source: {kind: zero, model: b}}"), ElementsAre("3:47 warning CFG007"));
}

TEST(Tokens, AnotherTokenIsNamedByTextOrById) {
  EXPECT_THAT(complaints_about_token("{source: {kind: model_token, model: b}}"), ElementsAre("3:34 error TOK031"));
  EXPECT_THAT(complaints_about_token("{source: {kind: model_token, model: b, token: x, token_id: 1}}"),
              ElementsAre("3:34 error TOK031"));
  EXPECT_THAT(report_on(good + "tokenizer: {tokens: {x: {source: {kind: model_token, model: b}}}}\n"),
              HasSubstr("neither 'token' nor 'token_id' is given"));
}

TEST(Tokens, TheirMistakesAreNamed) {
  EXPECT_THAT(complaints_about_token("{source: {kind: model_token, token: x}}"), ElementsAre("3:34 error CFG005"));
  EXPECT_THAT(complaints_about_token("{source: {kind: model_token, model: b, token_id: -1}}"),
              ElementsAre("3:74 error CFG021"));
  EXPECT_THAT(complaints_about_token("{source: {kind: mean}}"), ElementsAre("3:41 error CFG052"));
  EXPECT_THAT(complaints_about_token("{source: {kind: ~}}"), ElementsAre("3:35 error CFG005"));
  EXPECT_THAT(complaints_about_token("{source: a@}"), ElementsAre("3:34 error REF003"));
  EXPECT_THAT(complaints_about_token("{sorce: a}"), ElementsAre("3:26 warning CFG006"));
  EXPECT_THAT(complaints_about_token("{force: perhaps}"), ElementsAre("3:33 error CFG052"));
  EXPECT_THAT(complaints_about_token("b"), ElementsAre("3:25 error CFG020"));
  EXPECT_THAT(complaints_about("{tokens: [x]}"), ElementsAre("3:21 error CFG020"));
  EXPECT_THAT(complaints_about("{tokens: {'': {}}}"), ElementsAre("3:22 error CFG020"));
  EXPECT_THAT(complaints_about("base"), ElementsAre("3:12 error CFG020"));
  EXPECT_THAT(complaints_about("{sauce: base}"), ElementsAre("3:13 warning CFG006"));
}

TEST(Tokens, TheirModelsAreModelsOfTheMerge) {
  EXPECT_THAT(complaints_about_token("{source: q}"), ElementsAre("3:34 error TOK034"));
  EXPECT_THAT(complaints_about_token("{source: {kind: model_token, model: q, token: y}}"),
              ElementsAre("3:61 error TOK034"));
  EXPECT_THAT(complaints(good + "base_model: q\ntokenizer: {tokens: {x: {source: q}}}\n"), IsEmpty());
  EXPECT_THAT(complaints(good + "tokenizer: {source: q, tokens: {x: {source: q}}}\n"),
              ElementsAre("3:45 error TOK034"));
}

}  // namespace
}  // namespace stockpot::recipe
