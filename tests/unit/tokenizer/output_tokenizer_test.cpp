#include "tokenizer/output_tokenizer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/error_of.hpp"
#include "support/tokenizers.hpp"
#include "tokenizer/tokenizer_file.hpp"

namespace stockpot::tokenizer {
namespace {

using recipe::Diagnostics;
using recipe::TokenizerRequest;
using recipe::TokenRequest;
using test::added_token;
using test::bpe;
using test::tokenizer_with;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using Kind = OutputVocabulary::Override::Kind;
using Source = TokenizerRequest::Source;

recipe::ModelReference reference(const std::string& text) {
  return {.text = text, .path = text, .revision = "", .at = {}};
}

ModelTokenizer model(const std::string& name, const std::string& text,
                     std::optional<std::uint64_t> vocab_size = std::nullopt) {
  return {.model = name,
          .directory = "/models/" + name,
          .tokenizer = text,
          .tokenizer_config = {},
          .vocab_size = vocab_size};
}

/// One build, with what it reported.
struct Build {
  OutputTokenizer output;
  Diagnostics diagnostics;

  std::vector<std::string> codes() const {
    std::vector<std::string> found;
    for (const auto& d : diagnostics.all())
      found.push_back(d.code + (d.severity == recipe::Severity::error ? "!" : ""));
    return found;
  }
  std::string file(const std::string& name) const {
    for (const auto& f : output.files) {
      if (f.name == name) return f.text;
    }
    return "";
  }
  /// "text:id" of the tokens of the output's file, ascending; a '+' after those that are added tokens. Reading gives
  /// the ids that the library gives.
  std::vector<std::string> tokens() const {
    std::vector<std::string> found;
    const std::string text = file("tokenizer.json");
    const TokenizerFile read(text, "output");
    EXPECT_THAT(read.warnings(), IsEmpty()) << "the ids that are written are those that the library gives";
    for (const Token* t : read.tokens()) found.push_back(fmt::format("{}:{}{}", t->text, t->id, t->added ? "+" : ""));
    return found;
  }
};

Build build(const TokenizerRequest& request, const std::vector<ModelTokenizer>& models, std::size_t anchor = 0) {
  Build result;
  result.output = build_tokenizer(request, models, anchor, result.diagnostics);
  return result;
}

TokenizerRequest from(Source source) {
  TokenizerRequest request;
  request.source = source;
  return request;
}
TokenizerRequest from_model(const std::string& name) {
  TokenizerRequest request = from(Source::model);
  request.model = reference(name);
  return request;
}
TokenRequest token(const std::string& text, TokenRequest::Source source = TokenRequest::Source::by_models) {
  TokenRequest request;
  request.text = text;
  request.source = source;
  return request;
}
TokenizerRequest with_token(Source source, TokenRequest request) {
  TokenizerRequest result = from(source);
  result.tokens.push_back(std::move(request));
  return result;
}

const std::string abc = bpe(R"("a":0,"b":1,"c":2,"ab":3)", R"("a b")", added_token(4, "<s>"));

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

TEST(OutputTokenizer, UnionWithItselfChangesNothing) {
  const Build built = build(from(Source::union_of_all), {model("base", abc), model("tune", abc)});
  EXPECT_EQ(built.file("tokenizer.json"), abc);
  EXPECT_THAT(built.output.vocabulary.own_ids, ElementsAre(ElementsAre(0, 1, 2, 3, 4), ElementsAre(0, 1, 2, 3, 4)));
  EXPECT_THAT(built.codes(), IsEmpty());
}

// First ordinary tokens of all models, then added ones; each time in document order, ascending by id.
TEST(OutputTokenizer, UnionAppendsInItsOrder) {
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
  EXPECT_THAT(built.output.stale,
              testing::IsSupersetOf({"merges.txt", "vocab.json", "added_tokens.json", "tokenizer.model"}));
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
  EXPECT_THAT(built.codes(), ElementsAre("TOK005")) << "the merge b c makes no token";
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

TEST(OutputTokenizer, PaddingRoundsTheRowsUp) {
  TokenizerRequest request = from(Source::base);
  request.pad_to_multiple_of = 4;
  EXPECT_EQ(build(request, {model("base", abc)}).output.vocabulary.rows, 8u);
  request.pad_to_multiple_of = 5;
  EXPECT_EQ(build(request, {model("base", abc)}).output.vocabulary.rows, 5u);
}

TEST(OutputTokenizer, RequestedTokensAreAppendedInDocumentOrderWithTheFlagsOfWhoeverHasThem) {
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

TEST(OutputTokenizer, OverridesAreSortedAndSayNothingThatGoesWithoutSaying) {
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

TEST(OutputTokenizer, AModelWithoutATokenizerHasTheAnchorsIds) {
  std::vector<ModelTokenizer> models{model("base", abc), model("x", "")};
  models[1].tokenizer.reset();
  const Build built = build(from(Source::union_of_all), models);
  EXPECT_THAT(built.codes(), ElementsAre("TOK001"));
  EXPECT_THAT(built.output.vocabulary.own_ids, ElementsAre(ElementsAre(0, 1, 2, 3, 4), ElementsAre(0, 1, 2, 3, 4)));
}

TEST(OutputTokenizer, WithoutATokenizerOfTheAnchorThereIsNone) {
  std::vector<ModelTokenizer> models{model("base", abc), model("x", abc)};
  models[0].tokenizer.reset();
  const Build built = build(from(Source::union_of_all), models);
  EXPECT_THAT(built.codes(), ElementsAre("TOK002!"));
  EXPECT_THAT(built.output.files, IsEmpty());
  EXPECT_THAT(build(from_model("base"), models, 1).codes(), ElementsAre("TOK002!"))
      << "nor from the model that is named";
}

TEST(OutputTokenizer, ATokenizerOfAnotherKindHasToBeConvertedUnlessItIsNotNeeded) {
  std::vector<ModelTokenizer> models{model("base", abc), model("x", "")};
  models[1].tokenizer.reset();
  models[1].other_files = true;
  EXPECT_THAT(build(from(Source::union_of_all), models).codes(), ElementsAre("TOK003!"));
  EXPECT_THAT(build(from(Source::base), models).codes(), ElementsAre("TOK003"));
  EXPECT_THAT(build(from(Source::base), models, 1).codes(), ElementsAre("TOK003!"));
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

TEST(OutputTokenizer, TokensBeyondAModelsRowsAreLeftOutOfTheUnion) {
  const std::string x = bpe(R"("a":0,"b":1,"x":2,"y":3)");
  const Build built = build(from(Source::union_of_all), {model("base", abc), model("x", x, 3)});
  EXPECT_THAT(built.tokens(), ElementsAre("a:0", "b:1", "c:2", "ab:3", "<s>:4+", "x:5+"));
  EXPECT_THAT(built.codes(), ElementsAre("TOK005"));
}

TEST(OutputTokenizer, ATokenWithoutTextCannotBeAppended) {
  const Build built = build(from(Source::union_of_all), {model("base", abc), model("x", bpe(R"("a":0,"":1)"))});
  EXPECT_THAT(built.codes(), ElementsAre("TOK005"));
  EXPECT_EQ(built.output.vocabulary.tokens, 5u);
  EXPECT_THAT(build(with_token(Source::base, token("")), {model("base", abc)}).codes(), ElementsAre("TOK005!"));
}

TEST(OutputTokenizer, DifferingFlagsAreReportedAndTheFirstCount) {
  const std::string x = bpe(R"("a":0,"b":1)", "", added_token(2, "<s>", "special lstrip"));
  const Build built = build(from(Source::union_of_all), {model("base", abc), model("x", x)});
  EXPECT_THAT(built.codes(), ElementsAre("TOK010"));
  EXPECT_EQ(built.file("tokenizer.json"), abc);
}

TEST(OutputTokenizer, AUnionOfStrangersIsReported) {
  const auto codes = [](const std::string& vocabulary) {
    return build(from(Source::union_of_all), {model("base", abc), model("x", bpe(vocabulary))}).codes();
  };
  EXPECT_THAT(codes(R"("a":0,"y":1)"), IsEmpty()) << "one half is enough";
  EXPECT_THAT(codes(R"("a":0,"y":1,"z":2)"), ElementsAre("TOK011"));
}

TEST(OutputTokenizer, AModelThatOnlyTheSourceNamesGivesNoTokensAndNoRows) {
  TokenRequest borrowed = token("a", TokenRequest::Source::model);
  borrowed.model = reference("x");
  std::vector<ModelTokenizer> models{model("base", abc), model("x", bpe(R"("a":0,"q":1)"))};
  models[1].takes_part = false;
  EXPECT_EQ(build(from(Source::union_of_all), models).output.vocabulary.tokens, 5u);
  EXPECT_THAT(build(with_token(Source::base, borrowed), models).codes(), ElementsAre("TOK034!"));
}

TEST(OutputTokenizer, MistakesInRequestedRowsAreReported) {
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

std::string large(char letter, int shared, int own) {
  std::string vocabulary, merges;
  for (int i = 0; i < shared; ++i) vocabulary += fmt::format("{}\"shared{}\":{}", i == 0 ? "" : ",", i, i);
  for (int i = 0; i < own; ++i) vocabulary += fmt::format(",\"{}{}\":{}", letter, i, shared + i);
  for (int i = 0; i < 2 * (shared + own); ++i)
    merges += fmt::format("{}[\"shared{}\",\"x\"]", i == 0 ? "" : ",", i % shared);
  return bpe(vocabulary, merges);
}

TEST(OutputTokenizer, HundredsOfThousandsOfTokensAndMergesAreNoMatter) {
  const std::vector<ModelTokenizer> models{model("a", large('a', 150'000, 50'000)),
                                           model("b", large('b', 150'000, 50'000))};
  const Build built = build(from(Source::union_of_all), models);
  EXPECT_EQ(built.output.vocabulary.tokens, 250'000u);
  EXPECT_EQ(built.output.vocabulary.own_ids[1][249'999], 199'999);
  EXPECT_EQ(built.output.vocabulary.own_ids[0][249'999], -1);
}

}  // namespace
}  // namespace stockpot::tokenizer
