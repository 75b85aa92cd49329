#include "tokenizer/overrides.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/build_tokenizer.hpp"

namespace stockpot::tokenizer {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = OutputVocabulary::Override::Kind;

TEST(RequestedRows, OverridesAreSortedAndSayNothingThatGoesWithoutSaying) {
  TokenizerRequest request = from(Source::base);
  request.tokens = {token("c", TokenRequest::Source::zero),         token("b"),
                    token("a", TokenRequest::Source::model),        token("<s>", TokenRequest::Source::model_token),
                    token("ab", TokenRequest::Source::model_token), token("<n>")};
  request.tokens[2].model = reference("x");
  request.tokens[3].model = reference("x");
  request.tokens[3].token = "q";
  request.tokens[4].model = reference("base");
  request.tokens[4].token_id = 4;
  request.tokens[4].force = true;
  request.tokens[5].force = true;
  const Build built = build(request, {model("base", abc, 5), model("x", bpe(R"("q":0,"a":1)"))});
  EXPECT_THAT(built.codes(), IsEmpty());
  using Override = OutputVocabulary::Override;
  EXPECT_THAT(
      built.output.vocabulary.overrides,
      ElementsAre(Override{.id = 0, .kind = Kind::row, .model = 1, .row = 1}, Override{.id = 2, .kind = Kind::zero},
                  Override{.id = 3, .kind = Kind::row, .model = 0, .row = 4, .force = true},
                  Override{.id = 4, .kind = Kind::row, .model = 1, .row = 0}, Override{.id = 5, .force = true}));
}

TEST(RequestedRows, AModelThatOnlyTheSourceNamesGivesNoTokensAndNoRows) {
  TokenRequest borrowed = token("a", TokenRequest::Source::model);
  borrowed.model = reference("x");
  std::vector<ModelTokenizer> models{model("base", abc), model("x", bpe(R"("a":0,"q":1)"))};
  models[1].takes_part = false;
  EXPECT_EQ(build(from(Source::union_of_all), models).output.vocabulary.tokens, 5u);
  EXPECT_THAT(build(with_token(Source::base, borrowed), models).codes(), ElementsAre("TOK034!"));
}

TEST(RequestedRows, MistakesInRequestedRowsAreReported) {
  const std::vector<ModelTokenizer> models{model("base", abc), model("x", bpe(R"("a":0,"b":1)"), 1)};
  const auto codes = [&](const std::string& text, const std::string& from_whom, std::optional<std::string> other,
                         std::optional<std::uint64_t> id) {
    const bool other_token = other || id;
    TokenRequest request = token(text, other_token ? TokenRequest::Source::model_token : TokenRequest::Source::model);
    request.model = reference(from_whom);
    request.token = std::move(other);
    request.token_id = id;
    return build(with_token(Source::base, request), models).codes();
  };
  EXPECT_THAT(codes("a", "x", {}, {}), IsEmpty());
  EXPECT_THAT(codes("c", "x", {}, {}), ElementsAre("TOK030!"));
  EXPECT_THAT(codes("b", "x", {}, {}), ElementsAre("TOK030!")) << "its row does not exist";
  EXPECT_THAT(codes("c", "x", "zz", {}), ElementsAre("TOK032!"));
  EXPECT_THAT(codes("c", "x", {}, 0), IsEmpty());
  EXPECT_THAT(codes("c", "x", {}, 1), ElementsAre("TOK033!"));
  EXPECT_THAT(codes("c", "nobody", {}, {}), ElementsAre("TOK034!"));
}

TEST(RequestedRows, RequestedTokensAreAppendedInDocumentOrderWithTheFlagsOfWhoeverHasThem) {
  const std::string x = bpe(R"("a":0)", "", added_token(1, "<x>", "special rstrip"));
  TokenizerRequest request = from(Source::base);
  request.tokens = {token("<z>"), token("b"), token("<x>")};
  const Build built = build(request, {model("base", abc), model("x", x)});
  EXPECT_THAT(built.tokens(), ElementsAre("a:0", "b:1", "c:2", "ab:3", "<s>:4+", "<z>:5+", "<x>:6+"));
  const std::string text = built.file("tokenizer.json");
  const TokenizerFile read(text, "output");
  EXPECT_EQ(*read.find("<x>")->added, (TokenFlags{.rstrip = true, .normalized = false, .special = true}));
  EXPECT_EQ(*read.find("<z>")->added, (TokenFlags{.normalized = true, .special = false}));
}

}  // namespace
}  // namespace stockpot::tokenizer
