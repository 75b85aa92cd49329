#include "tokenizer/output_tokenizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/build_tokenizer.hpp"
#include "support/error_of.hpp"

namespace stockpot::tokenizer {
namespace {

using test::tokenizer_with;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

TEST(OutputTokenizer, OfTheBaseIsItsTextByteForByte) {
  const Build built = build(from(Source::base), {model("x", bpe(R"("z":0)")), model("base", abc)}, 1);
  EXPECT_EQ(built.output.donor, 1u);
  EXPECT_EQ(built.file("tokenizer.json"), abc);
  EXPECT_THAT(built.output.stale, IsEmpty());
  EXPECT_EQ(built.output.token_ids, std::nullopt);
  EXPECT_EQ(built.output.vocabulary.tokens, 5u);
  EXPECT_EQ(built.output.vocabulary.rows, 5u);
  EXPECT_THAT(built.output.vocabulary.own_ids,
              ElementsAre(ElementsAre(-1, -1, -1, -1, -1), ElementsAre(0, 1, 2, 3, 4)));
  EXPECT_THAT(built.codes(), IsEmpty());
}

TEST(OutputTokenizer, EverythingElseInTheFileKeepsItsOrderAndSpelling) {
  const std::string base =
      "{\n \"version\":\"1.0\",\"note\":1e-05,\"added_tokens\":[],\n"
      " \"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"<unk>\",0],[\"\\u2581a\",-11.50]],\"byte_fallback\":"
      "false}}\n";
  const std::string other = tokenizer_with(R"({"type":"WordLevel","vocab":{"▁a":0}})", added_token(1, "\\\"\\n"));
  const Build built = build(from(Source::union_of_all), {model("base", base), model("x", other)});
  EXPECT_EQ(built.file("tokenizer.json"), R"({
  "version": "1.0",
  "note": 1e-05,
  "added_tokens": [
    {
      "id": 2,
      "content": "\"\n",
      "single_word": false,
      "lstrip": false,
      "rstrip": false,
      "normalized": false,
      "special": true
    }
  ],
  "model": {
    "type": "Unigram",
    "unk_id": 0,
    "vocab": [
      [
        "<unk>",
        0
      ],
      [
        "▁a",
        -11.50
      ]
    ],
    "byte_fallback": false
  }
}
)");
}

TEST(OutputTokenizer, AFileWithoutAListOfAddedTokensGetsOne) {
  const std::string base = R"({"model":{"vocab":{"a":0},"unk_token":"a"}})";
  const Build built = build(with_token(Source::base, token("<n>")), {model("base", base)});
  EXPECT_THAT(built.tokens(), ElementsAre("a:0", "<n>:1+"));
}

TEST(OutputTokenizer, StrippingTakesTokensListEntriesAndMergesOut) {
  const std::string base = bpe(R"("a":0,"b":1,"ab":2,"aba":3,"c":4)", R"("a b","ab a",["b","c"])",
                               added_token(5, "<s>") + "," + added_token(4, "c"));
  const Build built = build(from(Source::base), {model("base", base, 3)});
  EXPECT_THAT(built.tokens(), ElementsAre("a:0", "b:1", "ab:2"));
  const std::string text = built.file("tokenizer.json");
  EXPECT_THAT(TokenizerFile(text, "output").merges(), ElementsAre(R"("a b")"));
  EXPECT_EQ(built.output.vocabulary.tokens, 3u);
  EXPECT_THAT(built.codes(), ElementsAre("TOK005", "TOK005")) << "the merge b c makes no token; tokens are left out";
}

TEST(OutputTokenizer, WhereTokensWereStrippedIdsAreTranslated) {
  const std::string x = bpe(R"("a":0,"b":1,"c":2,"<x>":3)", "", added_token(4, "<s>"));
  const Build built = build(from(Source::union_of_all), {model("base", abc, 3), model("x", x)});
  EXPECT_THAT(built.tokens(), ElementsAre("a:0", "b:1", "c:2", "<x>:3+", "<s>:4+"));
  EXPECT_THAT(*built.output.token_ids,
              ElementsAre(Pair(0, std::optional<std::uint64_t>(0)), Pair(1, std::optional<std::uint64_t>(1)),
                          Pair(2, std::optional<std::uint64_t>(2)), Pair(3, std::nullopt),
                          Pair(4, std::optional<std::uint64_t>(4))));
}

TEST(OutputTokenizer, TokensThatOnlyFilesBesideItNameAreTakenIn) {
  std::vector<ModelTokenizer> models{model("base", abc, 6)};
  models[0].tokenizer_config =
      R"({"pad_token":"<p>","added_tokens_decoder":{"5":{"content":"<p>","special":true},"6":{"content":"<q>"}}})";
  const Build by_decoder = build(from(Source::base), models);
  EXPECT_THAT(by_decoder.tokens(), ElementsAre("a:0", "b:1", "c:2", "ab:3", "<s>:4+", "<p>:5+"));
  EXPECT_THAT(by_decoder.codes(), ElementsAre("TOK005")) << "the model has no row for <q>";
  models[0].tokenizer_config = R"({"pad_token":{"content":"<p>"}})";
  models[0].added_tokens = R"({"<q>":6,"<p>":5})";
  const Build by_list = build(from(Source::base), models);
  EXPECT_EQ(by_list.file("tokenizer.json"), by_decoder.file("tokenizer.json"))
      << "of tokens that the configuration names";
  EXPECT_THAT(by_list.output.stale, testing::Contains("added_tokens.json"));
  models[0].added_tokens = R"({"<s>":4})";
  EXPECT_EQ(build(from(Source::base), models).file("tokenizer.json"), abc);
}

TEST(OutputTokenizer, TheListOfAddedTokensFollowsIdsThatAreWritten) {
  const std::string base = bpe(R"("a":0,"b":3,"c":4)", "",
                               added_token(6, "<x>") + "," + added_token(5, "<y>") + "," + added_token(1, "<z>"));
  EXPECT_THAT(build(from(Source::base), {model("base", base)}).tokens(),
              ElementsAre("a:0", "<z>:1+", "<|stockpot_unused_2|>:2", "b:3", "c:4", "<y>:5+", "<x>:6+"));
}

TEST(OutputTokenizer, AKeyThatAsksForTheModelFileGoesWithIt) {
  std::vector<ModelTokenizer> models{model("base", abc)};
  models[0].tokenizer_config = R"({"add_prefix_space":true,"eos_token":"<s>"})";
  const auto changed = [&] {
    return build(with_token(Source::base, token("<n>")), models).file("tokenizer_config.json");
  };
  EXPECT_THAT(changed(), HasSubstr("add_prefix_space")) << "there is no such file";
  models[0].model_file = true;
  EXPECT_THAT(changed(), testing::Not(HasSubstr("add_prefix_space")));
  EXPECT_EQ(build(from(Source::base), models).file("tokenizer_config.json"), *models[0].tokenizer_config);
}

TEST(OutputTokenizer, AModelAsSourceIsTakenUnstrippedAndItsIdsAreTranslated) {
  const std::string x = bpe(R"("<s>":0,"a":1,"b":2)", "", added_token(0, "<s>"));
  const Build built = build(from_model("x"), {model("base", abc, 5), model("x", x, 1)});
  EXPECT_EQ(built.output.donor, 1u);
  EXPECT_EQ(built.file("tokenizer.json"), x);
  EXPECT_THAT(built.output.vocabulary.own_ids, ElementsAre(ElementsAre(4, 0, 1), ElementsAre(0, 1, 2)));
  EXPECT_THAT(*built.output.token_ids,
              ElementsAre(Pair(0, std::optional<std::uint64_t>(1)), Pair(1, std::optional<std::uint64_t>(2)),
                          Pair(2, std::nullopt), Pair(3, std::nullopt), Pair(4, std::optional<std::uint64_t>(0))));
}

TEST(OutputTokenizer, GapsAreFilledSoThatTheLibraryKeepsTheIds) {
  // Loaded, <x> has the id 2: two entries come before it. Its place is then inside the vocabulary.
  const std::string base = bpe(R"("a":0,"b":4)", "", added_token(2, "<x>"));
  const Build built = build(with_token(Source::base, token("<n>")), {model("base", base)});
  EXPECT_THAT(built.tokens(),
              ElementsAre("a:0", "<|stockpot_unused_1|>:1", "<x>:2+", "<|stockpot_unused_3|>:3", "b:4", "<n>:5+"));
  EXPECT_EQ(built.output.vocabulary.tokens, 6u);
  EXPECT_THAT(built.output.vocabulary.used, ElementsAre(1, 0, 1, 0, 1, 1));
  EXPECT_THAT(built.output.vocabulary.own_ids, ElementsAre(ElementsAre(0, -1, 2, -1, 4, -1)));
}

TEST(OutputTokenizer, AFillerIsNoTextThatATokenHas) {
  const std::string base = bpe(R"("<|stockpot_unused_0|>":1)");
  EXPECT_THAT(build(from(Source::base), {model("base", base)}).tokens(),
              ElementsAre("<|stockpot_unused_0|>_:0", "<|stockpot_unused_0|>:1"));
}

TEST(OutputTokenizer, OfARepeatedEntryTheLastStays) {
  const Build built = build(from(Source::base), {model("base", bpe(R"("a":0,"b":1,"a":2)"))});
  EXPECT_THAT(built.tokens(), ElementsAre("<|stockpot_unused_0|>:0", "b:1", "a:2"));
}

TEST(OutputTokenizer, WrittenIdsAreThoseThatCount) {
  const std::string base = bpe(R"("a":0)", "", added_token(9, "<x>"));
  const Build built = build(from(Source::base), {model("base", base)});
  EXPECT_THAT(built.tokens(), ElementsAre("a:0", "<x>:1+"));
  EXPECT_THAT(built.codes(), ElementsAre("TOK005"));
}

TEST(OutputTokenizer, TheDecoderIsMadeAnewWhereItIs) {
  std::vector<ModelTokenizer> models{model("base", abc)};
  models[0].tokenizer_config =
      R"({"added_tokens_decoder":{"9":{}},"model_max_length":1000000000000000019884624838656})";
  const Build built = build(with_token(Source::base, token("<n>")), models);
  EXPECT_EQ(built.file("tokenizer_config.json"), R"({
  "added_tokens_decoder": {
    "4": {
      "content": "<s>",
      "lstrip": false,
      "normalized": false,
      "rstrip": false,
      "single_word": false,
      "special": true
    },
    "5": {
      "content": "<n>",
      "lstrip": false,
      "normalized": true,
      "rstrip": false,
      "single_word": false,
      "special": false
    }
  },
  "model_max_length": 1000000000000000019884624838656
})");
  models[0].tokenizer_config = R"({"eos_token":"<s>"})";
  EXPECT_EQ(build(with_token(Source::base, token("<n>")), models).file("tokenizer_config.json"),
            R"({"eos_token":"<s>"})");
}

TEST(OutputTokenizer, AConfigurationThatIsNoObjectIsRefused) {
  std::vector<ModelTokenizer> models{model("base", abc)};
  models[0].tokenizer_config = "[]";
  const Error error = test::error_of([&] { build(from(Source::base), models); });
  EXPECT_EQ(error.class_code(), "FMT022");
  EXPECT_THAT(error.what(), HasSubstr("/models/base/tokenizer_config.json"));
}

TEST(OutputTokenizer, OnlyBpeCanBeStripped) {
  const std::string words = tokenizer_with(R"({"type":"WordLevel","vocab":{"a":0,"b":1}})");
  const Build built = build(from(Source::base), {model("base", words, 1)});
  EXPECT_THAT(built.codes(), ElementsAre("TOK004!"));
  EXPECT_THAT(built.output.files, IsEmpty());
  EXPECT_THAT(build(from(Source::base), {model("base", words, 2)}).codes(), IsEmpty());
}

TEST(OutputTokenizer, RowsOutOfProportionAreRefused) {
  // One token: 16 + 65,536 rows are allowed.
  EXPECT_THAT(build(from(Source::base), {model("base", bpe(R"("a":65551)"))}).codes(), IsEmpty());
  EXPECT_THAT(build(from(Source::base), {model("base", bpe(R"("a":65552)"))}).codes(), ElementsAre("TOK006!"));
  EXPECT_THAT(build(from(Source::base), {model("base", bpe(R"("a":2147483647)"))}).codes(), ElementsAre("TOK006!"));
  TokenizerRequest request = from(Source::base);
  request.pad_to_multiple_of = 18'446'744'073'709'551'615u;
  EXPECT_THAT(build(request, {model("base", abc)}).codes(), ElementsAre("TOK006!"));
}

TEST(OutputTokenizer, PaddingRoundsTheRowsUp) {
  TokenizerRequest request = from(Source::base);
  request.pad_to_multiple_of = 4;
  EXPECT_EQ(build(request, {model("base", abc)}).output.vocabulary.rows, 8u);
  request.pad_to_multiple_of = 5;
  EXPECT_EQ(build(request, {model("base", abc)}).output.vocabulary.rows, 5u);
}

}  // namespace
}  // namespace stockpot::tokenizer
