#include "tokenizer/union.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/build_tokenizer.hpp"

namespace stockpot::tokenizer {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Union, WithItselfChangesNothing) {
  const Build built = build(from(Source::union_of_all), {model("base", abc), model("tune", abc)});
  EXPECT_EQ(built.file("tokenizer.json"), abc);
  EXPECT_THAT(built.output.vocabulary.own_ids, ElementsAre(ElementsAre(0, 1, 2, 3, 4), ElementsAre(0, 1, 2, 3, 4)));
  EXPECT_THAT(built.codes(), IsEmpty());
}

TEST(Union, AppendsInItsOrder) {
  const std::string x = bpe(R"("a":0,"b":1,"c":2,"<s>":3,"xb":5,"xa":4)", "",
                            added_token(3, "<s>") + "," + added_token(6, "<x>", "special lstrip"));
  const std::string y =
      bpe(R"("a":0,"b":1,"c":2,"ab":3,"y":4,"xa":5)", "", added_token(6, "<s>") + "," + added_token(7, "<y>"));
  const Build built = build(from(Source::union_of_all), {model("x", x), model("base", abc), model("y", y)}, 1);
  EXPECT_THAT(built.tokens(),
              ElementsAre("a:0", "b:1", "c:2", "ab:3", "<s>:4+", "xa:5+", "xb:6+", "y:7+", "<x>:8+", "<y>:9+"));
  EXPECT_THAT(built.output.vocabulary.own_ids, ElementsAre(ElementsAre(0, 1, 2, -1, 3, 4, 5, -1, 6, -1),    //
                                                           ElementsAre(0, 1, 2, 3, 4, -1, -1, -1, -1, -1),  //
                                                           ElementsAre(0, 1, 2, 3, 6, 5, -1, 4, -1, 7)));
  const std::string text = built.file("tokenizer.json");
  const TokenizerFile read(text, "output");
  EXPECT_EQ(*read.find("xa")->added, (TokenFlags{.normalized = true})) << "an ordinary token";
  EXPECT_EQ(*read.find("<x>")->added, (TokenFlags{.lstrip = true, .normalized = false, .special = true}));
  EXPECT_THAT(built.codes(), IsEmpty());
  EXPECT_THAT(built.output.stale, testing::IsSupersetOf({"merges.txt", "vocab.json", "added_tokens.json", "*.model"}));
}

TEST(Union, TokensBeyondAModelsRowsAreLeftOutOfTheUnion) {
  const std::string x = bpe(R"("a":0,"b":1,"x":2,"y":3)");
  const Build built = build(from(Source::union_of_all), {model("base", abc), model("x", x, 3)});
  EXPECT_THAT(built.tokens(), ElementsAre("a:0", "b:1", "c:2", "ab:3", "<s>:4+", "x:5+"));
  EXPECT_THAT(built.codes(), ElementsAre("TOK005"));
}

TEST(Union, ATokenWithoutTextCannotBeAppended) {
  const Build built = build(from(Source::union_of_all), {model("base", abc), model("x", bpe(R"("a":0,"":1)"))});
  EXPECT_THAT(built.codes(), ElementsAre("TOK005"));
  EXPECT_EQ(built.output.vocabulary.tokens, 5u);
  EXPECT_THAT(build(with_token(Source::base, token("")), {model("base", abc)}).codes(), ElementsAre("TOK005!"));
}

TEST(Union, DifferingFlagsAreReportedAndTheFirstCount) {
  const std::string x = bpe(R"("a":0,"b":1)", "", added_token(2, "<s>", "special lstrip"));
  const Build built = build(from(Source::union_of_all), {model("base", abc), model("x", x)});
  EXPECT_THAT(built.codes(), ElementsAre("TOK010"));
  EXPECT_EQ(built.file("tokenizer.json"), abc);
}

TEST(Union, AnOrdinaryTokenThatAnotherModelAddsBecomesAnAddedOneAtItsId) {
  const std::string x = bpe(R"("a":0,"b":1,"c":2,"ab":3)", "", added_token(1, "b") + "," + added_token(4, "<s>"));
  std::vector<ModelTokenizer> models{model("base", abc), model("x", x), model("y", x)};
  models[0].tokenizer_config = R"({"added_tokens_decoder":{}})";
  const Build built = build(from(Source::union_of_all), models);
  EXPECT_THAT(built.tokens(), ElementsAre("a:0", "b:1+", "c:2", "ab:3", "<s>:4+"));
  EXPECT_THAT(built.file("tokenizer_config.json"), testing::HasSubstr(R"("content": "b")"));
  EXPECT_THAT(built.codes(), ElementsAre("TOK010")) << "once: y says the same as x";
}

TEST(Union, AnOrdinaryTokenOfAnotherModelIsAnAddedOneAsAModelHasIt) {
  const std::string x = bpe(R"("a":0,"b":1,"<end>":2)");
  const std::string y = bpe(R"("a":0,"b":1)", "", added_token(2, "<end>", "special lstrip"));
  const std::string z = bpe(R"("a":0,"b":1)", "", added_token(2, "<end>", "special rstrip"));
  const TokenFlags as_in_y{.lstrip = true, .normalized = false, .special = true};
  const auto flags = [&](const std::vector<ModelTokenizer>& models, std::vector<std::string> codes) {
    const Build built = build(from(Source::union_of_all), models);
    EXPECT_EQ(built.codes(), codes);
    const std::string text = built.file("tokenizer.json");
    return *TokenizerFile(text, "output").find("<end>")->added;
  };
  const ModelTokenizer base = model("base", abc);
  EXPECT_EQ(flags({base, model("x", x), model("y", y)}, {"TOK010"}), as_in_y);
  EXPECT_EQ(flags({base, model("y", y), model("x", x)}, {"TOK010"}), as_in_y) << "whatever the order";
  EXPECT_EQ(flags({base, model("x", x), model("y", y), model("z", z)}, {"TOK010", "TOK010"}), as_in_y);
}

TEST(Union, OfStrangersIsReported) {
  const auto codes = [](const std::string& vocabulary) {
    return build(from(Source::union_of_all), {model("base", abc), model("x", bpe(vocabulary))}).codes();
  };
  EXPECT_THAT(codes(R"("a":0,"y":1)"), IsEmpty()) << "one half is enough";
  EXPECT_THAT(codes(R"("a":0,"y":1,"z":2)"), ElementsAre("TOK011"));
}

std::string large(char letter, int shared, int own) {
  std::string vocabulary, merges;
  for (int i = 0; i < shared; ++i) vocabulary += fmt::format("{}\"shared{}\":{}", i == 0 ? "" : ",", i, i);
  for (int i = 0; i < own; ++i) vocabulary += fmt::format(",\"{}{}\":{}", letter, i, shared + i);
  for (int i = 0; i < 2 * (shared + own); ++i)
    merges += fmt::format("{}[\"shared{}\",\"x\"]", i == 0 ? "" : ",", i % shared);
  return bpe(vocabulary, merges);
}

TEST(Union, HundredsOfThousandsOfTokensAndMergesAreNoMatter) {
  const std::vector<ModelTokenizer> models{model("a", large('a', 150'000, 50'000)),
                                           model("b", large('b', 150'000, 50'000))};
  const Build built = build(from(Source::union_of_all), models);
  EXPECT_EQ(built.output.vocabulary.tokens, 250'000u);
  EXPECT_EQ(built.output.vocabulary.own_ids[1][249'999], 199'999);
  EXPECT_EQ(built.output.vocabulary.own_ids[0][249'999], -1);
}

}  // namespace
}  // namespace stockpot::tokenizer
