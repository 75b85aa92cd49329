#include "tokenizer/tokenizer_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/error_of.hpp"
#include "support/tokenizers.hpp"

namespace stockpot::tokenizer {
namespace {

using test::added_token;
using test::bpe;
using test::tokenizer_with;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// "text:id" of each token, in the reader's order; a '+' after those that are added tokens.
std::vector<std::string> tokens(const std::string& text) {
  std::vector<std::string> found;
  const TokenizerFile file(text, "tokenizer.json");
  for (const Token* token : file.tokens()) {
    found.push_back(fmt::format("{}:{}{}", token->text, token->id, token->added ? "+" : ""));
  }
  return found;
}

std::vector<std::string> warnings(const std::string& text) { return TokenizerFile(text, "tokenizer.json").warnings(); }

std::string code_of(const std::string& text) {
  return test::error_of([&] { TokenizerFile(text, "tokenizer.json"); }).class_code();
}

TEST(TokenizerFile, ReadsEachOfTheFourTypes) {
  EXPECT_THAT(tokens(bpe(R"("a":0,"b":2,"ab":1)", R"("a b")", added_token(3, "<s>"))),
              ElementsAre("a:0", "ab:1", "b:2", "<s>:3+"));
  EXPECT_THAT(tokens(tokenizer_with(R"({"type":"Unigram","unk_id":0,"vocab":[["<unk>",0.0],["a",-1.5]]})",
                                    added_token(0, "<unk>") + "," + added_token(2, "<s>"))),
              ElementsAre("<unk>:0+", "a:1", "<s>:2+"));
  EXPECT_THAT(tokens(tokenizer_with(R"({"type":"WordPiece","vocab":{"[UNK]":0,"##a":1}})")),
              ElementsAre("[UNK]:0", "##a:1"));
  EXPECT_THAT(tokens(tokenizer_with(R"({"type":"WordLevel","vocab":{"a":0}})")), ElementsAre("a:0"));
}

TEST(TokenizerFile, InfersTheTypeOfOldFiles) {
  const auto type = [](const std::string& model) { return TokenizerFile(tokenizer_with(model), "f").type(); };
  EXPECT_EQ(type(R"({"vocab":{"a":0},"merges":[]})"), TokenizerType::bpe);
  EXPECT_EQ(type(R"({"vocab":[["a",0.0]],"unk_id":0})"), TokenizerType::unigram);
  EXPECT_EQ(type(R"({"vocab":{"a":0},"max_input_chars_per_word":100})"), TokenizerType::word_piece);
  EXPECT_EQ(type(R"({"vocab":{"a":0},"unk_token":"a"})"), TokenizerType::word_level);
}

// The ids below are those that tokenizers 0.23.3 gives.
TEST(TokenizerFile, AddedTokensHaveTheIdsThatTheLibraryGivesThem) {
  const std::string list = added_token(6, "<y>") + "," + added_token(5, "<x>") + "," + added_token(7, "<z>");
  EXPECT_THAT(tokens(bpe(R"("a":0,"<x>":5)", "", list)), ElementsAre("a:0", "<y>:2+", "<z>:3+", "<x>:5+"));
}

TEST(TokenizerFile, EmptyAndRepeatedAddedTokensTakeNoId) {
  const std::string list = added_token(1, "") + "," + added_token(1, "<y>") + "," + added_token(1, "<y>", "lstrip") +
                           "," + added_token(2, "<z>");
  const std::string text = bpe(R"("a":0)", "", list);
  EXPECT_THAT(tokens(text), ElementsAre("a:0", "<y>:1+", "<z>:2+"));
  EXPECT_THAT(warnings(text), IsEmpty());
  const TokenizerFile file(text, "f");
  EXPECT_TRUE(file.find("<y>")->added->lstrip) << "the last definition counts";
}

TEST(TokenizerFile, AWarningNamesBothIdsOfARenumberedToken) {
  const std::string text = bpe(R"("a":0,"b":1)", "", added_token(7, "<y>") + "," + added_token(8, "<z>"));
  EXPECT_THAT(warnings(text),
              ElementsAre(AllOf(HasSubstr("'<y>' is written with id 7 but gets id 2"), HasSubstr("and 1 more"))));
}

TEST(TokenizerFile, IdsThatFillTheVocabularysHolesCountWhereTheLibrarysAreTaken) {
  // Two entries, so the library gives <x> and <y> the ids 2 and 3; `b` has 3.
  const std::string text = bpe(R"("a":0,"b":3)", "", added_token(2, "<x>") + "," + added_token(1, "<y>"));
  EXPECT_THAT(tokens(text), ElementsAre("a:0", "<y>:1+", "<x>:2+", "b:3"));
  EXPECT_THAT(warnings(text), ElementsAre(AllOf(HasSubstr("'<y>'"), HasSubstr("holes"))));
  EXPECT_EQ(code_of(bpe(R"("a":0,"b":3)", "", added_token(1, "<x>") + "," + added_token(3, "<y>"))), "TOK005")
      << "these are taken, too";
}

std::vector<std::string> with_further(const std::string& text, const std::vector<FurtherToken>& further) {
  const TokenizerFile file(text, "f", further);
  std::vector<std::string> found = file.warnings();
  for (const Token* token : file.tokens()) found.push_back(fmt::format("{}:{}", token->text, token->id));
  return found;
}

TEST(TokenizerFile, TokensOfOtherFilesAreAddedOnesIfTheirIdsFollow) {
  const std::string text = bpe(R"("a":0)", "", added_token(1, "<x>"));
  EXPECT_THAT(with_further(text, {{"<x>", 1, {}}, {"<y>", 2, {}}, {"<z>", 3, {}}}),
              ElementsAre("a:0", "<x>:1", "<y>:2", "<z>:3"));
  EXPECT_THAT(with_further(text, {{"<y>", 1, {}}, {"<z>", 3, {}}}),
              ElementsAre(AllOf(HasSubstr("'<y>'"), HasSubstr("and so are 1 more")), "a:0", "<x>:1"));
}

TEST(TokenizerFile, OfARepeatedEntryTheLastIdCountsAndItIsOneEntry) {
  // Two entries, so the library gives <y> the id 2, which `a` has.
  EXPECT_EQ(code_of(bpe(R"("a":0,"b":1,"a":2)", "", added_token(2, "<y>"))), "TOK005");
  EXPECT_THAT(tokens(bpe(R"("a":0,"b":1,"a":2)")), ElementsAre("b:1", "a:2"));
  EXPECT_THAT(warnings(bpe(R"("a":0,"b":1,"a":2)")), ElementsAre(HasSubstr("1 token(s) more than once")));
}

TEST(TokenizerFile, ARepeatedTextInAListTakesAPlaceAllTheSame) {
  const std::string model = R"({"type":"Unigram","vocab":[["<unk>",0],["a",-1.0],["a",-2.0],["b",-3]]})";
  EXPECT_THAT(tokens(tokenizer_with(model, added_token(4, "<y>"))), ElementsAre("<unk>:0", "a:2", "b:3", "<y>:4+"));
}

TEST(TokenizerFile, ReadsFlags) {
  const std::string text = bpe("", "", added_token(0, "<y>", "single_word rstrip"));
  const TokenizerFile file(text, "f");
  EXPECT_EQ(*file.find("<y>")->added,
            (TokenFlags{.single_word = true, .lstrip = false, .rstrip = true, .normalized = false, .special = false}));
}

TEST(TokenizerFile, MergesOfBothFormsAreCheckedAgainstTheVocabulary) {
  EXPECT_THAT(warnings(bpe(R"("a":0,"b":1,"ab":2," ":3," a":4)", R"("a b",[" ","a"])")), IsEmpty());
  EXPECT_THAT(warnings(bpe(R"("a":0,"b":1)", R"("a b")")), ElementsAre(HasSubstr("1 merge(s)")));
}

TEST(TokenizerFile, AMergeLeavesThePrefixOfItsSecondPartOut) {
  const std::string model =
      R"({"type":"BPE","continuing_subword_prefix":"##","vocab":{"a":0,"##b":1,"ab":2},"merges":["a ##b"]})";
  EXPECT_THAT(warnings(tokenizer_with(model)), IsEmpty());
}

TEST(TokenizerFile, RefusesWhatIsNoTokenizer) {
  EXPECT_EQ(code_of("{"), "FMT022");
  EXPECT_EQ(code_of("[]"), "FMT022");
  EXPECT_EQ(code_of("{}"), "FMT022");
  EXPECT_EQ(code_of(R"({"model":[]})"), "FMT022");
  EXPECT_EQ(code_of(tokenizer_with("{}")), "FMT022");
  EXPECT_EQ(code_of(tokenizer_with(R"({"type":"Tiktoken","vocab":{}})")), "FMT022");
  EXPECT_EQ(code_of(tokenizer_with(R"({"type":"BPE","vocab":[],"merges":[]})")), "FMT022");
  EXPECT_EQ(code_of(tokenizer_with(R"({"type":"BPE","vocab":{}})")), "FMT022");
  EXPECT_EQ(code_of(tokenizer_with(R"({"type":"Unigram","vocab":[["a"]]})")), "FMT022");
  EXPECT_EQ(code_of(tokenizer_with(R"({"type":"Unigram","vocab":["a"]})")), "FMT022");
  EXPECT_EQ(code_of(bpe("", R"("a b c")")), "FMT022");
  EXPECT_EQ(code_of(bpe("", R"(["a"])")), "FMT022");
  EXPECT_EQ(code_of(bpe("", "1")), "FMT022");
  EXPECT_EQ(code_of(bpe("", "", R"({"id":0,"content":"<x>"})")), "FMT022") << "no flags";
  EXPECT_EQ(code_of(bpe("", "", "1")), "FMT022");
}

TEST(TokenizerFile, RefusesIdsThatAreNone) {
  EXPECT_EQ(code_of(bpe(R"("a":-1)")), "TOK005");
  EXPECT_EQ(code_of(bpe(R"("a":2147483648)")), "TOK005");
  EXPECT_EQ(code_of(bpe(R"("a":1.5)")), "TOK005");
  EXPECT_EQ(code_of(bpe("", "", added_token(-1, "<x>"))), "TOK005");
  EXPECT_THAT(tokens(bpe(R"("a":2147483647)")), ElementsAre("a:2147483647"));
}

TEST(TokenizerFile, RefusesTwoTokensWithOneId) {
  const Error error = test::error_of([] { TokenizerFile(bpe(R"("a":0,"b":0)"), "dir/tokenizer.json"); });
  EXPECT_EQ(error.class_code(), "TOK005");
  EXPECT_THAT(error.what(), AllOf(HasSubstr("'a'"), HasSubstr("'b'"), HasSubstr("dir/tokenizer.json")));
}

}  // namespace
}  // namespace stockpot::tokenizer
