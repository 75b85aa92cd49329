#include "tokenizer/encoder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/tokenizers.hpp"

namespace stockpot::tokenizer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::uint32_t> ids_of(const Encoder& encoder, const std::string& text) {
  std::vector<std::uint32_t> ids;
  encoder.encode(text, Deadline(), ids);
  return ids;
}

std::vector<std::uint32_t> ids_of(const std::string& json, const std::string& text) {
  const TokenizerFile file(json, "tokenizer.json");
  return ids_of(Encoder(file), text);
}

std::string why_not(const std::string& json) {
  try {
    const TokenizerFile file(json, "tokenizer.json");
    const Encoder encoder(file);
  } catch (const NotEncodable& reason) {
    return reason.what();
  }
  return "it is encodable";
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  return text.replace(text.find(what), what.size(), by);
}

/// A byte-level tokenizer of single bytes with one expression.
std::string with_split(const std::string& pattern) {
  const nlohmann::json split{{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}};
  return replaced(test::bpe(R"("a":0,"b":1,"ab":2)", R"("a b")"), R"("pre_tokenizer":null)",
                  R"("pre_tokenizer":)" + split.dump());
}

// Files of tests/data/encodings, made by the library `tokenizers`; STOCKPOT_ENCODINGS names a folder of others.
TEST(Encoder, AgreesWithTheLibraryTokenizers) {
  const char* const other = std::getenv("STOCKPOT_ENCODINGS");
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(other != nullptr ? other : STOCKPOT_ENCODINGS)) {
    if (entry.path().extension() != ".json") continue;
    ++files;
    const auto made = nlohmann::json::parse(std::ifstream(entry.path()));
    const std::string text = made["tokenizer"].dump();
    const TokenizerFile file(text, entry.path());
    const Encoder encoder(file);
    for (std::size_t t = 0; t < made["texts"].size(); ++t) {
      const std::string sentence = made["texts"][t];
      EXPECT_EQ(ids_of(encoder, sentence), made["ids"][t].get<std::vector<std::uint32_t>>())
          << entry.path() << ": '" << sentence << "'";
    }
  }
  EXPECT_GT(files, 0);
}

TEST(Encoder, MergesTheLowestRankFirst) {
  const std::string vocabulary = R"("a":0,"b":1,"c":2,"ab":3,"bc":4,"abc":5)";
  EXPECT_THAT(ids_of(test::bpe(vocabulary, R"("b c","a b")"), "abc"), ElementsAre(0, 4));
  EXPECT_THAT(ids_of(test::bpe(vocabulary, R"("a b","b c","ab c")"), "abc"), ElementsAre(5));
}

TEST(Encoder, PassesOverCharactersWithoutTokens) {
  EXPECT_THAT(ids_of(test::bpe(R"("a":0)"), "axa"), ElementsAre(0, 0));
}

TEST(Encoder, FindsTheLongestAddedToken) {
  const std::string json =
      test::bpe(R"("a":0)", "", test::added_token(1, "<a>") + "," + test::added_token(2, "<a><b>"));
  EXPECT_THAT(ids_of(json, "a<a><b>a<a>"), ElementsAre(0, 2, 0, 1));
}

TEST(Encoder, SaysWhyATokenizerIsNotBuiltIn) {
  EXPECT_THAT(why_not(test::tokenizer_with(R"({"type":"WordLevel","vocab":{"a":0},"unk_token":"a"})")),
              HasSubstr("byte-pair"));
  const std::string plain = test::bpe(R"("a":0)");
  EXPECT_THAT(why_not(plain), "it is encodable");
  EXPECT_THAT(why_not(replaced(plain, R"("normalizer":null)", R"("normalizer":{"type":"BertNormalizer"})")),
              HasSubstr("'BertNormalizer'"));
  EXPECT_THAT(why_not(replaced(plain, R"("pre_tokenizer":null)", R"("pre_tokenizer":{"type":"BertPreTokenizer"})")),
              HasSubstr("'BertPreTokenizer'"));
  EXPECT_THAT(why_not(replaced(plain, R"("dropout":null)", R"("dropout":0.1)")), HasSubstr("random"));
  EXPECT_THAT(why_not(test::bpe(R"("a":0)", R"("a b")")), HasSubstr("vocabulary lacks"));
}

TEST(Encoder, RefusesExpressionsThatMeanSomethingElse) {
  for (const char* pattern : {"(?i)a", "a{2}+", "a{,2}", "\\h", "\\X", "[[:alpha:]]", "\\p{Alpha}", "(?m:a)", "[a--b]",
                              "a\\", "(a", "(?<name>a)"}) {
    EXPECT_THAT(why_not(with_split(pattern)), HasSubstr("expression")) << pattern;
  }
  EXPECT_EQ(why_not(with_split(R"((?i:a)|[^\s\p{L}\d]+[\r\n]*|a{1,3}|\p{Han}(?!\S))")), "it is encodable");
}

TEST(Encoder, StopsAnExpressionThatTakesTooLong) {
  EXPECT_THROW(ids_of(with_split("(a+)+c"), std::string(40, 'a')), NotEncodable);
}

TEST(Encoder, LimitsWhatANormalizerMakes) {
  std::string steps;
  for (int step = 0; step < 30; ++step) {
    steps += std::string(step > 0 ? "," : "") + R"({"type":"Replace","pattern":{"String":"a"},"content":"aa"})";
  }
  const std::string json = replaced(test::bpe(R"("a":0)"), R"("normalizer":null)",
                                    R"("normalizer":{"type":"Sequence","normalizers":[)" + steps + "]}");
  EXPECT_THROW(ids_of(json, "aa"), NotEncodable);
}

TEST(Encoder, LimitsWhatAPreTokenizerMakes) {
  std::string steps;
  for (int step = 0; step < 40; ++step) {
    steps += std::string(step > 0 ? "," : "") + R"({"type":"ByteLevel","add_prefix_space":true,"use_regex":false})";
  }
  const std::string json = replaced(test::bpe(R"("a":0)"), R"("pre_tokenizer":null)",
                                    R"("pre_tokenizer":{"type":"Sequence","pretokenizers":[)" + steps + "]}");
  EXPECT_THROW(ids_of(json, "\u00fc"), NotEncodable);
}

TEST(Joined, FollowsTheBehavior) {
  const std::vector<Span> spans{{"a", false}, {"-", true}, {"-", true}, {"b", false}, {"-", true}};
  const auto texts = [&](const char* behavior) {
    std::vector<std::string> found;
    for (const Span& span : joined(spans, behavior)) found.push_back(span.text);
    return found;
  };
  EXPECT_THAT(texts("Isolated"), ElementsAre("a", "-", "-", "b", "-"));
  EXPECT_THAT(texts("Removed"), ElementsAre("a", "b"));
  EXPECT_THAT(texts("Contiguous"), ElementsAre("a", "--", "b", "-"));
  EXPECT_THAT(texts("MergedWithPrevious"), ElementsAre("a-", "-", "b-"));
  EXPECT_THAT(texts("MergedWithNext"), ElementsAre("a", "-", "-b", "-"));
}

}  // namespace
}  // namespace stockpot::tokenizer
